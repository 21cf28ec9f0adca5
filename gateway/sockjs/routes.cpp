#include "gateway/sockjs/routes.hpp"

#include "auth/rate_limit.hpp"
#include "core/log.hpp"
#include "gateway/sockjs/directory.hpp"
#include "gateway/sockjs/messages.hpp"
#include "gateway/sockjs/pages.hpp"
#include "gateway/sockjs/socket_link.hpp"
#include "gateway/wire/foreign_page.hpp"
#include "gateway/wire/rehome.hpp"
#include "gateway/wire/upgrade.hpp"
#include "gateway/wire/visit.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace corohub::gateway::sockjs {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t id_bytes_max = 64;
constexpr std::size_t messages_per_send_max = 4096;

// What the routes of one address share. Safe from any shard's thread.
class Room {
 public:
  Room(FrontEnd the_front_end, std::shared_ptr<Service> the_service)
      : front_end(std::move(the_front_end)), service(std::move(the_service)) {}

  const Place& place(std::size_t shard) { return directories()[shard]->place(); }
  std::size_t home_index(const std::string& session) {
    return std::hash<std::string>()(session) % directories().size();
  }
  // To be used on its shard's thread alone, but for its place().
  Directory& home(const std::string& session) { return *directories()[home_index(session)]; }

  const FrontEnd front_end;
  const std::shared_ptr<Service> service;
  std::atomic<std::uint64_t> last_poll{0};

 private:
  std::vector<std::unique_ptr<Directory>>& directories() {
    std::call_once(made_, [this] {
      for (std::size_t shard = 0; shard < service->shards(); ++shard)
        directories_.push_back(std::make_unique<Directory>(service->place(shard), front_end.links));
    });
    return directories_;
  }

  std::once_flag made_;
  std::vector<std::unique_ptr<Directory>> directories_;
};

// ---- answers ----

Response plain(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = text;
  return response;
}

Response not_found() { return plain(404, "There is no such session."); }

// The client's own fault, for which the protocol has this status.
Response blame(std::string_view text) {
  Response response = plain(500, text);
  response.counted_as = 400;
  return response;
}

Response uncached(Response response) {
  response.headers.push_back({"Cache-Control", std::string(not_cached)});
  return response;
}

Response frame_response(const std::string& frame) {
  Response response;
  response.content_type = content_type(StreamKind::xhr);
  response.body = frame + "\n";
  return uncached(std::move(response));
}

// ---- who asks ----

struct Visitor {
  std::string session;
  Owner owner;
};

// A server and a session.
bool are_ids(const http::PathParams& params) {
  return std::ranges::all_of(params, [](const auto& param) {
    const auto& [name, text] = param;
    return text.find('.') == std::string::npos && (name != "session" || text.size() <= id_bytes_max);
  });
}

std::optional<Error> refuse_page(const Room& room, const http::Request& request) {
  if (!is_foreign_page(*room.service, request)) return std::nullopt;
  return Error(ErrorCode::origin_not_allowed, "Pages of this origin may not connect.");
}

Task<Result<Visitor>> meet(Room& room, Context& context) {
  Visitor visitor;
  if (const std::optional<Error> foreign = refuse_page(room, context.request)) co_return *foreign;
  visitor.session = context.param("session");
  const Result<UserId> user = co_await room.service->identify(context);
  if (!user) co_return user.error();
  visitor.owner = {*user, auth::rate_key(context.request.peer)};
  co_return visitor;
}

Response answer_to(const Reply& reply, Context& context) {
  switch (reply.kind) {
    case Reply::Kind::lost:
      return http::plain_problem(Error(ErrorCode::overloaded, "This can't be done now."), context.request);
    case Reply::Kind::busy:
      return http::plain_problem(Error(ErrorCode::rate_limited, "Send one after the other."),
                                 context.request);
    case Reply::Kind::unknown:
    case Reply::Kind::foreign:
    case Reply::Kind::refused:
      return not_found();
    case Reply::Kind::frame:
    case Reply::Kind::done:
      break;
  }
  // The session's own limits count what belongs to it.
  if (!reply.stray) context.spare();
  if (reply.kind == Reply::Kind::frame) return frame_response(reply.frame);
  Response response = http::no_content();
  response.headers.push_back(
      {"Content-Type", "text/plain; charset=UTF-8"});  // some browsers expect XML without
  return uncached(std::move(response));
}

// ---- sessions ----

// The errand, and again with a new session if there is none.
using Errand = std::function<void(Directory&, Ticket)>;

// At the home. All but the ticket and the directory is the waiting request's.
Task<> open_there(Directory& home, std::size_t shard, Guest& guest, const Visitor& visitor,
                  const Errand& errand, Ticket ticket) {
  try {
    co_await guest.prepare(shard);
    const std::function<Listening()> make_listener = [&] { return guest.open(shard); };
    home.create(visitor.session, visitor.owner, make_listener);
    errand(home, std::move(ticket));
  } catch (const std::exception& failure) {
    log::error("sockjs.not_opened", {{"cause", failure.what()}});
  }
}

Task<Result<Reply>> visit_or_open(Room& room, Context& context, const Visitor& visitor,
                                  const Errand& errand) {
  const std::size_t shard = room.home_index(visitor.session);
  Directory& home = room.home(visitor.session);
  const std::function<void(Ticket)> look = [&](Ticket ticket) { errand(home, std::move(ticket)); };
  Reply reply = co_await visit(home.place().context, look);
  if (reply.kind != Reply::Kind::unknown) co_return reply;

  Result<std::unique_ptr<Guest>> guest = co_await room.service->admit(context);
  if (!guest) co_return guest.error();
  // Whoever has not said who it is pays by its address for what it makes.
  if (!context.charged) {
    if (const Result<> paid = context.charge_address(); !paid) co_return paid.error();
  }
  const std::function<void(Ticket)> open = [&](Ticket ticket) {
    asio::co_spawn(home.place().context, open_there(home, shard, **guest, visitor, errand, std::move(ticket)),
                   asio::detached);
  };
  reply = co_await visit(home.place().context, open);
  co_return reply;
}

Task<Response> xhr(Room& room, Context& context) {
  const Result<Visitor> visitor = co_await meet(room, context);
  if (!visitor) co_return http::plain_problem(visitor.error(), context.request);
  const std::uint64_t number = ++room.last_poll;
  Directory& its_home = room.home(visitor->session);
  std::function<void()> lose = [&its_home, session = visitor->session, number] {
    its_home.lose_poll(session, number);
  };
  context.on_peer_end(errand_for(its_home.place().context, std::move(lose)));
  const Errand errand = [&](Directory& home, Ticket ticket) {
    home.poll(visitor->session, visitor->owner, number, std::move(ticket));
  };
  const Result<Reply> reply = co_await visit_or_open(room, context, *visitor, errand);
  if (!reply) co_return http::plain_problem(reply.error(), context.request);
  co_return answer_to(*reply, context);
}

Task<Response> xhr_send(Room& room, Context& context) {
  const Result<Visitor> visitor = co_await meet(room, context);
  if (!visitor) co_return http::plain_problem(visitor.error(), context.request);
  std::vector<std::string> messages;
  if (context.request.body.empty()) co_return blame("Payload expected.");
  const Reading reading = read_messages(context.request.body, messages_per_send_max, messages);
  if (reading == Reading::no_array) co_return blame("Payload expected.");
  if (reading == Reading::broken) co_return blame("Broken JSON encoding.");
  Directory& home = room.home(visitor->session);
  const std::function<void(Ticket)> errand = [&](Ticket ticket) {
    home.send(visitor->session, visitor->owner, std::move(messages), std::move(ticket));
  };
  const Reply reply = co_await visit(home.place().context, errand);
  co_return answer_to(reply, context);
}

// ---- streams ----

// Moves the socket to the session's home and gives it a body there.
class StreamTakeover final : public http::Takeover {
 public:
  StreamTakeover(std::shared_ptr<Room> room, Visitor visitor, StreamKind kind, bool chunked)
      : room_(std::move(room)), visitor_(std::move(visitor)), kind_(kind), chunked_(chunked) {}

  void begin_with(std::string head) override { head_ = std::move(head); }

  void take(Socket socket, std::string) noexcept override {
    try {
      std::function<void(Socket)> arrive = [room = room_, visitor = visitor_, kind = kind_,
                                            chunked = chunked_, head = head_](Socket arrived) {
        begin(*room, visitor, {std::move(arrived), head, chunked, kind});
      };
      rehome(std::move(socket), room_->home(visitor_.session).place().context, std::move(arrive));
    } catch (const std::exception& failure) {
      say_failure(failure);
    }
  }

 private:
  // At the home.
  static void begin(Room& room, const Visitor& visitor, StreamStart start) noexcept {
    try {
      Directory& home = room.home(visitor.session);
      home.attach(visitor.session, visitor.owner,
                  Stream::start(std::move(start), room.front_end.streams, home.place()));
    } catch (const std::exception& failure) {
      say_failure(failure);
    }
  }
  static void say_failure(const std::exception& failure) noexcept {
    log::error("sockjs.stream_not_started", {{"cause", failure.what()}});
  }

  std::shared_ptr<Room> room_;
  Visitor visitor_;
  std::string head_;
  StreamKind kind_;
  bool chunked_;
};

Task<Response> open_stream(std::shared_ptr<Room> room, Context& context, StreamKind kind) {
  Response response;
  response.content_type = content_type(kind);
  response.headers.push_back({"Cache-Control", std::string(not_cached)});
  response.headers.push_back({"X-Accel-Buffering", "no"});  // nothing in between must wait for more
  response.streamed = true;

  const Result<Visitor> visitor = co_await meet(*room, context);
  if (!visitor) co_return http::plain_problem(visitor.error(), context.request);
  if (context.request.method == http::Method::head) co_return response;
  const Errand errand = [&](Directory& home, Ticket ticket) {
    home.enter(visitor->session, visitor->owner, std::move(ticket));
  };
  const Result<Reply> reply = co_await visit_or_open(*room, context, *visitor, errand);
  if (!reply) co_return http::plain_problem(reply.error(), context.request);
  if (reply->kind != Reply::Kind::done) co_return answer_to(*reply, context);
  if (!reply->stray) context.spare();
  response.takeover = std::make_unique<StreamTakeover>(room, *visitor, kind, context.request.http11);
  co_return response;
}

// ---- WebSockets ----

class SocketTakeover final : public http::Takeover {
 public:
  SocketTakeover(std::shared_ptr<Room> room, const Context& context, const Upgrade& upgrade,
                 std::unique_ptr<Guest> guest)
      : room_(std::move(room)),
        shard_(context.shard),
        head_(switching_protocols(upgrade, context.request.id)),
        guest_(std::move(guest)) {}

  void take(Socket socket, std::string unread) noexcept override {
    try {
      const Listening listening = guest_->open(shard_);
      const Place& place = room_->place(shard_);
      const auto link = std::make_shared<SocketLink>(listening.listener, *listening.outbox, place,
                                                     room_->front_end.links.heartbeat);
      WebSocketStart start{.socket = std::move(socket),
                           .unread = std::move(unread),
                           .head = std::move(head_),
                           .limited = listening.limited,
                           .deflate = false};
      start_websocket(std::move(start),
                      {*room_->front_end.sockets, place.wheel, place.clock, room_->front_end.open_count},
                      *listening.outbox, link);
    } catch (const std::exception& failure) {
      log::error("sockjs.socket_not_started", {{"cause", failure.what()}});
    }
  }

 private:
  std::shared_ptr<Room> room_;
  std::size_t shard_;
  std::string head_;
  std::unique_ptr<Guest> guest_;
};

// The words of the protocol for what is no upgrade.
Response refuse_upgrade(const Error& error, const http::Request& request) {
  if (!request.has_token("Upgrade", "websocket")) return plain(400, R"(Can "Upgrade" only to "WebSocket".)");
  if (!request.has_token("Connection", "Upgrade")) return plain(400, R"("Connection" must be "Upgrade".)");
  return http::plain_problem(error, request);
}

Task<Response> open_socket(std::shared_ptr<Room> room, Context& context) {
  if (const std::optional<Error> foreign = refuse_page(*room, context.request))
    co_return http::plain_problem(*foreign, context.request);
  const Result<Upgrade> upgrade = read_upgrade(context.request, {});
  if (!upgrade) co_return refuse_upgrade(upgrade.error(), context.request);
  Result<std::unique_ptr<Guest>> guest = co_await room->service->admit(context);
  if (!guest) co_return http::plain_problem(guest.error(), context.request);
  Response response;
  response.takeover = std::make_unique<SocketTakeover>(room, context, *upgrade, std::move(*guest));
  co_return response;
}

// ---- pages ----

Task<Response> page(Room& room, Context& context) {
  // Not only SockJS lives below this prefix, so what is not there is said as everywhere.
  if (!is_iframe_page(context.param("page")))
    co_return http::fail(Error(ErrorCode::not_found, "There is nothing here."), context);
  co_return iframe_page(context.request, room.front_end.script, room.front_end.frame_ancestors,
                        room.place(context.shard).clock.unix_ms());
}

Task<Response> say_info(Room& room, Context& context) {
  if (const std::optional<Error> foreign = refuse_page(room, context.request))
    co_return http::plain_problem(*foreign, context.request);
  co_return info();
}

Task<Response> nothing(Context&) { co_return plain(404, "This transport is not served."); }

}  // namespace

void add_routes(http::Router& router, FrontEnd front_end, std::shared_ptr<Service> service) {
  using http::Access;
  using http::Method;
  front_end.streams.open = front_end.open_count;
  const auto room = std::make_shared<Room>(std::move(front_end), std::move(service));
  http::RouteOptions options;
  options.body_max = room->front_end.send_bytes_max;
  options.cors = [room](const http::Request& request) { return !is_foreign_page(*room->service, request); };
  options.log_pattern = true;
  options.plain_errors = true;

  const std::string& prefix = room->front_end.prefix;
  const std::string session = prefix + "/{server}/{session}";
  router.cover(prefix + "/", options);
  const auto add = [&](Method method, const std::string& pattern, Access access, http::Handler handler) {
    router.add(method, pattern, access, std::move(handler), {}, options);
  };
  add(Method::get, prefix + "/", Access::guest, [](Context&) -> Task<Response> { co_return greeting(); });
  add(Method::get, prefix + "/{page}", Access::guest,
      [room](Context& context) { return page(*room, context); });
  add(Method::get, prefix + "/info", Access::guest,
      [room](Context& context) { return say_info(*room, context); });
  options.exists = are_ids;
  add(Method::post, session + "/xhr", Access::holder,
      [room](Context& context) { return xhr(*room, context); });
  add(Method::post, session + "/xhr_send", Access::holder,
      [room](Context& context) { return xhr_send(*room, context); });
  add(Method::post, session + "/xhr_streaming", Access::holder,
      [room](Context& context) { return open_stream(room, context, StreamKind::xhr); });
  add(Method::get, session + "/eventsource", Access::holder,
      [room](Context& context) { return open_stream(room, context, StreamKind::eventsource); });
  add(Method::get, session + "/websocket", Access::holder,
      [room](Context& context) { return open_socket(room, context); });
  for (const char* transport : {"/htmlfile", "/jsonp"})
    add(Method::get, session + transport, Access::guest, nothing);
  add(Method::post, session + "/jsonp_send", Access::guest, nothing);
}

}  // namespace corohub::gateway::sockjs
