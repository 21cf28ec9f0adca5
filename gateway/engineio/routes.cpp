#include "gateway/engineio/routes.hpp"

#include "core/log.hpp"
#include "gateway/engineio/directory.hpp"
#include "gateway/engineio/socket_leg.hpp"
#include "gateway/wire/foreign_page.hpp"
#include "gateway/wire/frames.hpp"
#include "gateway/wire/rehome.hpp"
#include "gateway/wire/upgrade.hpp"
#include "gateway/wire/visit.hpp"
#include "http/text.hpp"

#include <exception>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway::engineio {
namespace {

using http::Context;
using http::Request;
using http::Response;

// What the routes of one address share. Safe from any shard's thread.
class Room {
 public:
  Room(FrontEnd the_front_end, std::shared_ptr<Service> the_service)
      : front_end(std::move(the_front_end)), service(std::move(the_service)) {}

  // To be used on its shard's thread alone, but for its place().
  Directory& directory(std::size_t shard) { return *directories()[shard]; }
  // Where a session lives; null: nowhere.
  Directory* home(const std::optional<LinkId>& session) {
    const bool known = session && session->shard() < directories().size();
    return known ? directories()[session->shard()].get() : nullptr;
  }

  const FrontEnd front_end;
  const std::shared_ptr<Service> service;
  std::atomic<std::uint64_t> last_poll{0};

 private:
  std::vector<std::unique_ptr<Directory>>& directories() {
    std::call_once(made_, [this] {
      for (std::size_t shard = 0; shard < service->shards(); ++shard)
        directories_.push_back(std::make_unique<Directory>(shard, service->place(shard), front_end.links));
    });
    return directories_;
  }

  std::once_flag made_;
  std::vector<std::unique_ptr<Directory>> directories_;
};

std::string_view query(const Request& request, std::string_view key) {
  return request.query_value(key).value_or(std::string_view());
}

// ---- answers ----

Response answer(std::string body) {
  Response response;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = std::move(body);
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

Response refuse(const Refusal& refusal, int status = 400) {
  namespace json = boost::json;
  Response response =
      answer(json::serialize(json::object{{"code", refusal.code}, {"message", refusal.message}}));
  response.content_type = "application/json";
  response.status = status;
  return response;
}

// What is not the protocol's own to say, in its form.
Response say_error(const Error& error, const Request& request) {
  if (error.code == ErrorCode::method_not_allowed) return refuse(judge(request).value_or(bad_request));
  Response response = http::problem(error, request);
  const bool is_forbidden = response.status == 401 || response.status == 403;
  Response said = refuse({is_forbidden ? forbidden.code : bad_request.code, error.detail}, response.status);
  response.content_type = said.content_type;
  response.body = std::move(said.body);
  return response;
}

Response answer_to(const Reply& reply, Context& context) {
  switch (reply.kind) {
    case Reply::Kind::lost:
      return say_error(Error(ErrorCode::overloaded, "This can't be done now."), context.request);
    case Reply::Kind::unknown:
    case Reply::Kind::foreign:
      return refuse(unknown_session);
    case Reply::Kind::busy:
    case Reply::Kind::refused:
      return refuse(bad_request);
    case Reply::Kind::done:
    case Reply::Kind::frame:
      break;
  }
  if (!reply.stray) context.spare();  // the session's own limits count what belongs to it
  return answer(reply.kind == Reply::Kind::frame ? reply.frame : "ok");
}

std::optional<Response> refuse_early(const Room& room, const Request& request) {
  if (is_foreign_page(*room.service, request)) return refuse(forbidden, 403);
  if (const std::optional<Refusal> refusal = judge(request)) return refuse(*refusal);
  return std::nullopt;
}

// ---- polling ----

// Whoever has not said who it is pays by its address for what it makes.
Task<Result<std::unique_ptr<Guest>>> admit(Room& room, Context& context) {
  Result<std::unique_ptr<Guest>> guest = co_await room.service->admit(context);
  if (!guest || context.charged) co_return guest;
  if (const Result<> paid = context.charge_address(); !paid) co_return paid.error();
  co_return guest;
}

Task<Response> shake_hands(Room& room, Context& context) {
  const Result<std::unique_ptr<Guest>> guest = co_await admit(room, context);
  if (!guest) co_return say_error(guest.error(), context.request);
  Directory& home = room.directory(context.shard);
  const std::shared_ptr<Link> link = home.create((*guest)->open(), (*guest)->is_limited());
  link->open();
  co_return answer(link->open_packet(/*may_upgrade=*/true));
}

Task<Response> poll(Room& room, Context& context) {
  const std::optional<LinkId> named = LinkId::parse(query(context.request, "sid"));
  Directory* const home = room.home(named);
  if (home == nullptr) co_return refuse(unknown_session);
  const LinkId session = *named;
  const std::uint64_t number = ++room.last_poll;
  std::function<void()> lose = [home, session, number] { home->lose_poll(session, number); };
  context.on_peer_end(errand_for(home->place().context, std::move(lose)));
  const std::function<void(Ticket)> errand = [&](Ticket ticket) {
    home->poll(session, number, std::move(ticket));
  };
  const Reply reply = co_await visit(home->place().context, errand);
  co_return answer_to(reply, context);
}

Task<Response> send(Room& room, Context& context) {
  const Request& request = context.request;
  if (std::optional<Response> refusal = refuse_early(room, request)) co_return std::move(*refusal);
  const std::optional<LinkId> session = LinkId::parse(query(request, "sid"));
  Directory* const home = room.home(session);
  if (home == nullptr) co_return refuse(unknown_session);
  // Another encoding, of an earlier protocol: nothing that could be read here.
  const std::string_view type =
      http::trim_blanks(request.header("content-type").substr(0, request.header("content-type").find(';')));
  std::string payload = http::same_word(type, "application/octet-stream") ? std::string() : request.body;
  const std::function<void(Ticket)> errand = [&](Ticket ticket) {
    home->send(*session, std::move(payload), std::move(ticket));
  };
  const Reply reply = co_await visit(home->place().context, errand);
  co_return answer_to(reply, context);
}

// ---- WebSockets ----

// Starts what carries a session, on the session's own shard.
void start_leg(const Room& room, const Place& place, WebSocketStart start, const std::shared_ptr<Link>& link,
               SocketLeg::Begins begins) {
  const auto leg = std::make_shared<SocketLeg>(link, begins);
  start_websocket(std::move(start),
                  {*room.front_end.sockets, place.wheel, place.clock, room.front_end.open_count},
                  leg->outbox(), leg);
}

class SessionTakeover final : public http::Takeover {
 public:
  SessionTakeover(std::shared_ptr<Room> room, const Context& context, const Upgrade& upgrade,
                  std::unique_ptr<Guest> guest)
      : room_(std::move(room)),
        shard_(context.shard),
        head_(switching_protocols(upgrade, context.request.id)),
        guest_(std::move(guest)) {}

  void take(Socket socket, std::string unread) noexcept override {
    std::shared_ptr<Link> link;
    try {
      Directory& home = room_->directory(shard_);
      link = home.create(guest_->open(), guest_->is_limited());
      const hub::FrameRef opening = message_frame(Opcode::text, link->open_packet(/*may_upgrade=*/false));
      WebSocketStart start{.socket = std::move(socket),
                           .unread = std::move(unread),
                           .head = head_ + std::string(opening->bytes()),
                           .limited = guest_->is_limited(),
                           .deflate = false};
      start_leg(*room_, home.place(), std::move(start), link, SocketLeg::Begins::as_session);
    } catch (const std::exception& failure) {
      log::error("engineio.socket_not_started", {{"cause", failure.what()}});
      if (link) link->give_up();
    }
  }

 private:
  std::shared_ptr<Room> room_;
  std::size_t shard_;
  std::string head_;
  std::unique_ptr<Guest> guest_;
};

// Moves the socket to the session's home, where it has to prove itself.
class UpgradeTakeover final : public http::Takeover {
 public:
  UpgradeTakeover(std::shared_ptr<Room> room, Directory& home, const LinkId& session, std::string head)
      : room_(std::move(room)), home_(home), session_(session), head_(std::move(head)) {}

  void take(Socket socket, std::string unread) noexcept override {
    try {
      std::function<void(Socket)> arrive = [room = room_, home = &home_, session = session_, head = head_,
                                            unread = std::move(unread)](Socket arrived) {
        const std::shared_ptr<Link> link = home->find(session);
        if (!link) return;  // its end was faster
        WebSocketStart start{.socket = std::move(arrived),
                             .unread = unread,
                             .head = head,
                             .limited = link->is_limited(),
                             .deflate = false};
        start_leg(*room, home->place(), std::move(start), link, SocketLeg::Begins::as_upgrade);
      };
      rehome(std::move(socket), home_.place().context, std::move(arrive));
    } catch (const std::exception& failure) {
      log::error("engineio.socket_not_started", {{"cause", failure.what()}});
    }
  }

 private:
  std::shared_ptr<Room> room_;
  Directory& home_;
  LinkId session_;
  std::string head_;
};

Task<Response> open_upgrade(std::shared_ptr<Room> room, Context& context, const Upgrade& upgrade) {
  const std::optional<LinkId> session = LinkId::parse(query(context.request, "sid"));
  Directory* const home = room->home(session);
  if (home == nullptr) co_return refuse(unknown_session);
  const std::function<void(Ticket)> errand = [&](Ticket ticket) { home->enter(*session, std::move(ticket)); };
  const Reply reply = co_await visit(home->place().context, errand);
  if (reply.kind != Reply::Kind::done) co_return answer_to(reply, context);
  if (!reply.stray) context.spare();
  Response response;
  response.takeover = std::make_unique<UpgradeTakeover>(room, *home, *session,
                                                        switching_protocols(upgrade, context.request.id));
  co_return response;
}

Task<Response> open_socket(std::shared_ptr<Room> room, Context& context) {
  const Result<Upgrade> upgrade = read_upgrade(context.request, {});
  if (!upgrade) co_return refuse(bad_request);
  if (context.request.query_count("sid") > 0) co_return co_await open_upgrade(room, context, *upgrade);
  Result<std::unique_ptr<Guest>> guest = co_await admit(*room, context);
  if (!guest) co_return say_error(guest.error(), context.request);
  Response response;
  response.takeover = std::make_unique<SessionTakeover>(room, context, *upgrade, std::move(*guest));
  co_return response;
}

Task<Response> get(std::shared_ptr<Room> room, Context& context) {
  if (std::optional<Response> refusal = refuse_early(*room, context.request)) co_return std::move(*refusal);
  if (query(context.request, "transport") == "websocket") co_return co_await open_socket(room, context);
  if (context.request.query_count("sid") > 0) co_return co_await poll(*room, context);
  co_return co_await shake_hands(*room, context);
}

}  // namespace

std::optional<Refusal> judge(const Request& request) {
  const std::string_view transport = query(request, "transport");
  const bool is_polling = transport == "polling";
  if (!is_polling && transport != "websocket") return unknown_transport;
  const bool is_get = request.method == http::Method::get;
  if (request.query_count("sid") > 0) {
    const bool fits = is_polling ? is_get || request.method == http::Method::post : is_get;
    return fits ? std::nullopt : std::optional(bad_request);
  }
  if (!is_get) return bad_handshake_method;
  if (query(request, "EIO") != "4") return unsupported_version;
  return std::nullopt;
}

void add_routes(http::Router& router, FrontEnd front_end, std::shared_ptr<Service> service) {
  const auto room = std::make_shared<Room>(std::move(front_end), std::move(service));
  http::RouteOptions options;
  options.body_max = room->front_end.links.payload_bytes_max;
  options.cors = [room](const Request& request) { return !is_foreign_page(*room->service, request); };
  options.log_pattern = true;
  options.problem = [room](const Error& error, const Request& request) {
    const bool is_judged = error.code == ErrorCode::method_not_allowed;
    return is_judged && is_foreign_page(*room->service, request) ? refuse(forbidden, 403)
                                                                 : say_error(error, request);
  };
  const std::string path = room->front_end.prefix + "/";
  router.add(
      http::Method::get, path, http::Access::holder, [room](Context& context) { return get(room, context); },
      {}, options);
  router.add(
      http::Method::post, path, http::Access::holder,
      [room](Context& context) { return send(*room, context); }, {}, options);
}

}  // namespace corohub::gateway::engineio
