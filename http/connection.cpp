#include "http/connection.hpp"

#include "auth/policy.hpp"
#include "core/departures.hpp"
#include "core/log.hpp"
#include "http/caller.hpp"
#include "http/peer_watch.hpp"
#include "http/proxy_protocol.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <new>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

namespace corohub::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t request_bytes_expected = 1024;
constexpr std::size_t outbound_bytes_max = 65'536;  // a larger buffer is not kept from one answer to the next
constexpr std::size_t requests_per_turn = 32;       // then the shard's other connections have their turn
constexpr std::chrono::seconds slow_request = 1s;

constexpr auto ready = asio::as_tuple(asio::deferred);

bool is_sane_id(std::string_view id) noexcept {
  const auto is_id_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, is_id_char);
}

// The exception that is being handled, as far as the client may know of it.
Error describe_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::overloaded, "There is not enough memory for this now.").because("out of memory");
  } catch (const std::exception& exception) {
    return Error(ErrorCode::internal_error).because(exception.what());
  } catch (...) {
    return Error(ErrorCode::internal_error).because("an exception of unknown type");
  }
}

BodyEnd stream_end(const Request& request) noexcept {
  return request.http11 ? BodyEnd::chunks : BodyEnd::connection;
}

Result<> may_enter(const Route& route, const auth::Principal& principal) {
  if (route.access == Access::admin && !auth::is_admin(principal.role()))
    return Error(ErrorCode::forbidden, "This is for admins.");
  return {};
}

}  // namespace

Connection::Connection(std::shared_ptr<HttpShard> shard, Socket socket, const asio::ip::address& peer,
                       ConnectionCounts::Place place)
    : shard_(std::move(shard)),
      socket_(std::move(socket)),
      place_(std::move(place)),
      reader_(shard_->limits) {
  know(peer);
  shard_->connections.push_back(*this);
  shard_->server->connections_.fetch_add(1, std::memory_order_relaxed);
  shard_->metrics.connections.Increment();
}

Connection::~Connection() {
  if (shard_->server != nullptr) shard_->server->connections_.fetch_sub(1, std::memory_order_relaxed);
  shard_->metrics.connections.Decrement();
}

Task<> Connection::serve(std::unique_ptr<Connection> connection) {
  co_await connection->run();
  const std::unique_ptr<Takeover> takeover = std::move(connection->takeover_);
  if (!takeover) {
    auto& departures = asio::use_service<Departures>(connection->socket_.get_executor().context());
    // It ends with what let_go() is given.
    departures.let_go([ended = std::shared_ptr<Connection>(std::move(connection))] {});
    co_return;
  }
  Socket socket = std::move(connection->socket_);
  std::string unread;
  if (!connection->inbound_.empty()) unread = std::move(connection->inbound_);
  connection.reset();  // destroyed before the takeover begins: an idle WebSocket holds nothing of HTTP
  takeover->take(std::move(socket), std::move(unread));
}

void Connection::end_if_idle() noexcept {
  if (phase_ == Phase::idle) abort();
}

void Connection::abort() noexcept {
  stopped_ = true;
  broken_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

// ---- requests ----

// One turn of the loop per request. Nearly all requests find everything they need in memory: they wait once,
// for their bytes, and allocate no coroutine. The first request of a connection may also wait for its turn.
Task<> Connection::run() {
  if (trusted_ && shard_->server->settings().proxy_protocol) {
    const bool heard = co_await hear_proxy();
    if (!heard) co_return;
  }
  SteadyTime moment = now();
  while (!closing_ && !broken_) {
    const HttpSettings& settings = shard_->server->settings();
    bool between_requests = served_ > 0 && inbound_.empty();
    enter(inbound_.empty() ? Phase::idle : Phase::head, moment,
          between_requests ? settings.idle_timeout : settings.header_timeout);
    feed();
    while (reader_.state() == RequestReader::State::head) {
      bool more = false;
      if (between_requests) {
        // Reads into memory of the connection's own: the system wakes an operation that reads without
        // registering the socket anew each time, as it must for one that only waits.
        inbound_.resize(request_bytes_expected);
        const auto [failure, size] = co_await socket_.async_read_some(asio::buffer(inbound_), ready);
        inbound_.resize(failure ? 0 : size);
        more = !failure && !ended();
      } else {
        more = co_await receive();
      }
      if (!more && timed_out_ && phase_ == Phase::head) break;  // the client is told that its time is over
      if (!more) co_return;
      phase_ = Phase::head;
      feed();
      if (between_requests && reader_.state() == RequestReader::State::head)
        enter(Phase::head, now(), settings.header_timeout);
      between_requests = false;
    }
    enter(Phase::handling);

    moment = request_started_ = now();
    if (served_ == 0 && !shard_->newcomers.pass_now()) {
      shard_->metrics.newcomers_waiting.Increment();
      co_await shard_->newcomers.wait();
      shard_->metrics.newcomers_waiting.Decrement();
      if (stopped_) co_return;
    }
    route_ = of_path_ = nullptr;
    user_ = 0;
    admitted_ = false;
    name_request();
    std::optional<Context> context;
    std::optional<Response> response = respond_now(context);
    if (!response) {
      Response late = co_await respond(*context);
      response.emplace(std::move(late));
    }
    if (context) settle_rate(*context, *response);
    patient_ = context && context->patient;
    ++served_;
    moment = record(*response);
    if (response->takeover) {
      takeover_ = std::move(response->takeover);
      if (response->streamed) takeover_->begin_with(head_of_stream(*response));
      co_return;
    }
    const std::size_t sent = send_answer(std::move(*response));
    if (sent < shard_->outbound.size() && !broken_) {
      co_await send(shard_->outbound.substr(sent));
      moment = now();
    }
    reader_.next();
    if (served_ % requests_per_turn == 0) co_await asio::post(socket_.get_executor(), asio::deferred);
  }
  if (!broken_) co_await linger();
}

std::size_t Connection::send_answer(Response response) {
  const Request& request = reader_.request();
  add_cors(response);
  Framing framing;
  framing.request_id = request.id;
  framing.date = shard_->date();
  framing.close = closing_ = must_close(response);
  framing.keep_alive = !request.http11;
  framing.head_only = request.method == Method::head;
  if (response.streamed) framing.body_end = stream_end(request);  // for HEAD: no takeover follows
  std::string& bytes = shard_->outbound;
  if (bytes.capacity() > outbound_bytes_max) bytes = std::string();
  bytes.clear();
  append_message(bytes, response, framing);
  return send_now(bytes);
}

std::string Connection::head_of_stream(Response& response) {
  const Request& request = reader_.request();
  add_cors(response);
  Framing framing;
  framing.request_id = request.id;
  framing.date = shard_->date();
  framing.close = true;
  framing.body_end = stream_end(request);
  return serialize(response, framing);
}

// Sets what follows from the address of the other end, or of whom the other end speaks for.
void Connection::know(const asio::ip::address& peer) {
  peer_ = unmapped(peer);
  trusted_ = shard_->server->trusted_proxies().contains(peer_);
  over_loopback_ = over_loopback_ && peer_.is_loopback();
  exempt_ = shard_->server->exempt(peer_);
}

// Reads the header ahead of the first request. A trusted proxy must send one: if the header were optional,
// clients of the proxy could send it instead. False: the header did not come, or its source has enough
// connections.
Task<bool> Connection::hear_proxy() {
  enter(Phase::head, now(), shard_->server->settings().header_timeout);
  Result<ProxyHeader> header = ProxyHeader();
  while (header && header->size == 0) {
    const bool more = co_await receive();
    if (!more) co_return false;
    header = read_proxy_header(inbound_);
  }
  if (!header) {
    log::info("http_proxy_header", {{"peer", peer_.to_string()}, {"cause", header.error().cause}});
    co_return false;
  }
  inbound_.erase(0, header->size);
  if (!header->source) co_return true;
  know(*header->source);
  Result<ConnectionCounts::Place> place = shard_->server->take_place(peer_);
  if (place) {
    place_ = std::move(*place);
    co_return true;
  }
  shard_->metrics.connections_crowded.Increment();
  send_now(shard_->last_answer(place.error()));
  co_return false;
}

// Finds out who asks, and gives the request its id.
void Connection::name_request() {
  Request& request = reader_.request();
  const Server& server = *shard_->server;
  std::optional<asio::ip::address> caller = peer_;
  if (trusted_) caller = find_caller(request.headers, peer_, server.trusted_proxies());
  request.peer = caller.value_or(peer_);
  request.by_proxy = trusted_;
  request.over_loopback = over_loopback_;
  // A caller whom nobody can name counts as the proxy, but is not exempt as the proxy may be.
  if (trusted_) exempt_ = caller && server.exempt(*caller);
  const std::string_view wanted = request.header("x-request-id");
  if (is_sane_id(wanted))
    request.id = wanted;
  else
    shard_->next_request_id(request.id);
}

// `context` is there when no answer comes back.
std::optional<Response> Connection::respond_now(std::optional<Context>& context) {
  const Request& request = reader_.request();
  // Also of what is refused: the path says in which words, and what the log must not show.
  Router::Match match = shard_->server->router().match(request.method, request.raw_path());
  of_path_ = match.of_path;
  if (reader_.state() == RequestReader::State::failed) return refusal(reader_.error());
  if (timed_out_) return refusal(Error(ErrorCode::request_timeout, "The request's head took too long."));
  route_ = match.route;
  reader_.limit_body(options().body_max != 0 ? options().body_max : shard_->limits.max_body_bytes);
  if (reader_.state() == RequestReader::State::failed) return refusal(reader_.error());
  context.emplace(Context{request, shard_->index, shard_->authenticator, std::nullopt,
                          std::move(match.params), exempt_, &shard_->server->request_rate()});
  const std::optional<Result<>> admitted = admit_now(*context);
  if (!admitted) return std::nullopt;
  if (!*admitted) return refusal(admitted->error());
  if (route_ == nullptr) return unrouted(match.allow);
  admitted_ = true;
  // Reads a body that came with its head. A client that asks first whether it may send the body is told
  // later.
  if (reader_.state() == RequestReader::State::body && !reader_.expects_continue()) feed();
  if (reader_.state() == RequestReader::State::failed) return refusal(reader_.error());
  if (reader_.state() == RequestReader::State::body) return std::nullopt;
  return handle_now(*context);
}

// Does what respond_now() has left to do; there is a route.
Task<Response> Connection::respond(Context& context) {
  if (!admitted_) {
    const Result<> admitted = co_await admit(context);
    if (!admitted) co_return refusal(admitted.error());
  }
  if (reader_.state() == RequestReader::State::body) {
    const Result<> body = co_await read_body();
    if (!body) co_return refusal(body.error());
    const Result<> still = co_await admit_again(context);
    if (!still) co_return refusal(still.error());
  }
  co_return co_await handle(context);
}

// Judges rate and rights before the body is read. A request with a good token counts as its user's, every
// other request by address. Nothing comes back when the account has to be read first.
std::optional<Result<>> Connection::admit_now(Context& context) {
  if (route_ != nullptr && (route_->access == Access::probe || route_->access == Access::holder))
    return Result<>();
  if (route_ == nullptr || route_->access == Access::guest) return take_address_rate();

  const Request& request = context.request;
  if (request.count("authorization") > 1)
    return enter_route(context, Error(ErrorCode::invalid_request, "Authorization stands there twice."));
  const std::string_view token = request.bearer().value_or(std::string_view());
  if (token.empty())
    return enter_route(context, Error(ErrorCode::unauthorized, "This needs an access token."));
  std::optional<Result<auth::Principal>> principal = context.authenticator.authenticate_now(token, token_);
  if (!principal) return std::nullopt;
  return enter_route(context, std::move(*principal));
}

Task<Result<>> Connection::admit(Context& context) {
  const std::string_view token = context.request.bearer().value_or(std::string_view());
  Result<auth::Principal> principal = co_await context.authenticator.authenticate(token);
  co_return enter_route(context, std::move(principal));
}

Result<> Connection::enter_route(Context& context, Result<auth::Principal> principal) {
  if (!principal) {
    const Result<> rate = take_address_rate();
    return rate ? Result<>(principal.error()) : rate;
  }
  user_ = principal->user_id();
  if (Result<> rate = context.charge(user_); !rate) return rate;
  if (Result<> may = may_enter(*route_, *principal); !may) return may;
  context.principal.emplace(std::move(*principal));
  return {};
}

// A body takes as long as its sender likes, so rights are judged again behind it.
Task<Result<>> Connection::admit_again(Context& context) {
  if (!context.principal) co_return Result<>();
  const std::string_view token = context.request.bearer().value_or(std::string_view());
  std::optional<Result<auth::Principal>> principal = context.authenticator.authenticate_now(token, token_);
  if (!principal) {
    Result<auth::Principal> read = co_await context.authenticator.authenticate(token);
    principal.emplace(std::move(read));
  }
  if (!*principal) co_return principal->error();
  if (const Result<> may = may_enter(*route_, **principal); !may) co_return may;
  context.principal.emplace(std::move(**principal));
  co_return Result<>();
}

Result<> Connection::take_address_rate() {
  return exempt_ ? Result<>() : shard_->server->request_rate().take(reader_.request().peer);
}

// Who pays for a request of a guest is known when the handler has read it. A guest who proves to be a user
// gets back what the address has paid. A holder of no good credential pays by the address, and is told when
// nothing is left.
void Connection::settle_rate(const Context& context, Response& response) {
  if (context.charged) user_ = *context.charged;
  if (exempt_ || !admitted_) return;
  RequestRate& rate = shard_->server->request_rate();
  if (route_->access == Access::guest && context.charged) rate.give_back(context.request.peer);
  if (route_->access != Access::holder || context.charged || context.spared) return;
  if (const Result<> paid = rate.take(context.request.peer); !paid) response = refusal(paid.error());
}

// Answers what no handler takes: 404, 405, and OPTIONS.
Response Connection::unrouted(std::string_view allow) const {
  const Request& request = reader_.request();
  const std::string methods(request.target == "*" ? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : allow);
  if (methods.empty()) return refusal(Error(ErrorCode::not_found, "There is nothing at this path."));
  if (request.method != Method::options)
    return refusal(Error(ErrorCode::method_not_allowed, "This path takes " + methods + "."))
        .with("Allow", methods);
  Response response = no_content().with("Allow", methods);
  if (!options().cors) {
    shard_->cors.apply_preflight(request, methods, response);
  } else if (!request.has("origin") || options().cors(request)) {
    answer_preflight(methods, shard_->server->clock().unix_ms(), response);
  } else {
    return refusal(Error(ErrorCode::origin_not_allowed, "Pages of this origin may not do this."));
  }
  return response;
}

// The options of the path that is asked for, in whatever way it is answered.
const RouteOptions& Connection::options() const noexcept {
  static const RouteOptions ours;
  return of_path_ != nullptr ? of_path_->options : ours;
}

// Says what is wrong, in the words of the path's protocol.
Response Connection::refusal(const Error& error) const {
  const Request& request = reader_.request();
  if (options().problem) return options().problem(error, request);
  if (!options().plain_errors) return problem(error, request);
  Response response = plain_problem(error, request);
  if (error.code != ErrorCode::method_not_allowed) return response;
  response.content_type = {};
  response.body.clear();
  return response;
}

void Connection::add_cors(Response& response) const {
  const Request& request = reader_.request();
  if (options().cors)
    share_with_page(request, options().cors(request), response);
  else
    shard_->cors.apply(request, response);
}

Task<Result<>> Connection::read_body() {
  if (reader_.expects_continue() && inbound_.empty()) co_await send("HTTP/1.1 100 Continue\r\n\r\n");
  enter(Phase::body, now(), shard_->server->settings().body_timeout);
  for (feed(); reader_.state() == RequestReader::State::body; feed()) {
    const bool more = co_await receive();
    if (more) continue;
    if (timed_out_) co_return Error(ErrorCode::request_timeout, "The request's body took too long.");
    co_return Error(ErrorCode::invalid_request, "The request ended before its body was whole.");
  }
  enter(Phase::handling);
  if (reader_.state() == RequestReader::State::failed) co_return reader_.error();
  co_return Result<>();
}

// An exception of a handler reaches no other request (T70).
std::optional<Response> Connection::handle_now(Context& context) {
  if (!route_->prompt) return std::nullopt;
  try {
    return route_->prompt(context);
  } catch (...) {
    return refusal(describe_exception());
  }
}

Task<Response> Connection::handle(Context& context) {
  PeerWatch watch(socket_, inbound_);
  context.peer_watch = &watch;
  Error failure;
  try {
    co_return co_await route_->handler(context);
  } catch (...) {
    failure = describe_exception();
  }
  co_return refusal(failure);
}

// Called once per answer. A body that nobody wanted is skipped when it is here already; otherwise its end is
// not worth waiting for.
bool Connection::must_close(const Response& response) {
  boost::system::error_code nothing_there;
  if (reader_.state() == RequestReader::State::body) feed();
  if (reader_.state() == RequestReader::State::body && !ended() && receive_now(nothing_there)) feed();
  const Server& server = *shard_->server;
  return reader_.state() != RequestReader::State::complete || ended() || response.close ||
         !reader_.request().keep_alive || server.draining() ||
         served_ >= server.settings().requests_per_connection;
}

// Counts and logs the answer. Returns the time that was taken as the request's end.
SteadyTime Connection::record(const Response& response) {
  const Request& request = reader_.request();
  int status = response.takeover && !response.streamed ? 101 : response.status;
  if (response.counted_as != 0) status = response.counted_as;
  const SteadyTime answered = now();
  const std::chrono::duration<double> took = answered - request_started_;
  // What waits for others says nothing of how fast we are.
  shard_->metrics.count(route_, request.method, status, patient_ ? std::nullopt : std::optional(took));

  log::Level level = log::Level::debug;
  if (status >= 400 || (took > slow_request && !patient_)) level = log::Level::info;
  if (status >= 500) level = log::Level::error;
  if (!log::enabled(level)) return answered;
  const std::string target = options().log_pattern ? of_path_->pattern : redacted_target(request.target);
  const std::string peer = request.peer.to_string();
  log::write(level, "http_request",
             {{"method", name(request.method)},
              {"target", target},
              {"status", status},
              {"ms", took.count() * 1000},
              {"bytes", response.body.size()},
              {"peer", peer},
              {"user", user_},
              {"request_id", request.id},
              {"cause", response.cause}});
  return answered;
}

}  // namespace corohub::http
