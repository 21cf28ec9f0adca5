#include "ingest/redis_wire.hpp"

#include "core/printable.hpp"

#include <array>
#include <optional>
#include <utility>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace corohub::ingest {
namespace {

using boost::system::error_code;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using namespace asio::experimental::awaitable_operators;

constexpr std::size_t read_bytes = 64 << 10;

Failure failed(std::string_view doing, const error_code& error) {
  return Failure{std::string(doing) + ": " + error.message()};
}

Task<> sleep_until(Timer& timer, SteadyTime until) {
  timer.expires_at(until);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(use_task, ignored));
}

// What the task says, or nothing once the time is over, when the task was cancelled.
template <class T>
Task<std::optional<T>> within(asio::io_context& context, SteadyTime until, Task<T> task) {
  Timer timer(context);
  std::variant<T, std::monostate> first = co_await (std::move(task) || sleep_until(timer, until));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::move(std::get<0>(first));
}

SteadyTime in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

asio::ssl::context make_context() {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  context.set_default_verify_paths();  // or where SSL_CERT_FILE and SSL_CERT_DIR say
  context.set_verify_mode(asio::ssl::verify_peer);
  return context;
}

}  // namespace

struct RedisWire::Socket {
  using Plain = corohub::Socket;
  using Tls = asio::ssl::stream<Plain&>;

  explicit Socket(asio::io_context& context) : plain(context) {}

  Task<error_code> connect(asio::ip::tcp::endpoint to) {
    error_code error;
    plain.close(error);
    co_await plain.async_connect(to, asio::redirect_error(use_task, error));
    if (!error) plain.set_option(asio::ip::tcp::no_delay(true), error);
    co_return error;
  }

  Task<error_code> shake_hands(const std::string& host) {
    ssl.emplace(make_context());
    tls.emplace(plain, *ssl);
    error_code is_name;
    asio::ip::make_address(host, is_name);
    if (is_name) ::SSL_set_tlsext_host_name(tls->native_handle(), host.c_str());
    tls->set_verify_callback(asio::ssl::host_name_verification(host));
    error_code error;
    co_await tls->async_handshake(Tls::client, asio::redirect_error(use_task, error));
    co_return error;
  }

  Task<error_code> write(std::string bytes) {
    error_code error;
    if (tls)
      co_await asio::async_write(*tls, asio::buffer(bytes), asio::redirect_error(use_task, error));
    else
      co_await asio::async_write(plain, asio::buffer(bytes), asio::redirect_error(use_task, error));
    co_return error;
  }

  // How many bytes of `buffer` are filled now.
  Task<std::pair<error_code, std::size_t>> read() {
    error_code error;
    std::size_t size = 0;
    if (tls)
      size = co_await tls->async_read_some(asio::buffer(buffer), asio::redirect_error(use_task, error));
    else
      size = co_await plain.async_read_some(asio::buffer(buffer), asio::redirect_error(use_task, error));
    co_return std::pair(error, size);
  }

  Plain plain;
  std::optional<asio::ssl::context> ssl;
  std::optional<Tls> tls;
  std::array<char, read_bytes> buffer{};
};

RedisWire::RedisWire(asio::io_context& context, const RedisUrl& url, Resolver& resolver)
    : context_(context), url_(url), resolver_(resolver), socket_(std::make_unique<Socket>(context)) {}

RedisWire::~RedisWire() = default;

Task<Attempt<>> RedisWire::open() {
  const Attempt<Resolver::Endpoints> found = co_await resolver_.resolve(url_.host, url_.port, open_time);
  if (!found) co_return found.error();
  error_code error = asio::error::timed_out;
  const SteadyTime until = in(open_time);
  for (const asio::ip::tcp::endpoint& endpoint : *found) {
    if (closed_) co_return Failure{"closed"};
    const std::optional<error_code> tried = co_await within(context_, until, socket_->connect(endpoint));
    error = tried.value_or(asio::error::timed_out);
    if (!error) break;
  }
  if (error) co_return failed("no connection", error);
  if (url_.secure) {
    const std::optional<error_code> shaken =
        co_await within(context_, in(open_time), socket_->shake_hands(url_.host));
    error = shaken.value_or(asio::error::timed_out);
    if (error) co_return failed("no TLS", error);
  }
  co_return co_await log_in();
}

// What Redis says of a login may repeat what it was given, so only the first word of it is told.
Task<Attempt<>> RedisWire::log_in() {
  if (url_.password.empty()) co_return Attempt<>();
  std::vector<std::string_view> words{"AUTH"};
  if (!url_.user.empty()) words.emplace_back(url_.user);
  words.emplace_back(url_.password.reveal());
  const Attempt<Reply> reply = co_await ask(command(words));
  if (!reply) co_return reply.error();
  if (reply->kind != Reply::Kind::error) co_return Attempt<>();
  co_return Failure{"login refused: " + printable(reply->text.substr(0, reply->text.find(' ')))};
}

Task<Attempt<>> RedisWire::send(std::string commands) {
  if (closed_) co_return Failure{"closed"};
  const std::optional<error_code> sent =
      co_await within(context_, in(answer_time), socket_->write(std::move(commands)));
  const error_code error = sent.value_or(asio::error::timed_out);
  if (error) co_return failed("nothing can be sent", error);
  co_return Attempt<>();
}

Task<Attempt<bool>> RedisWire::read(SteadyTime until) {
  using Read = std::pair<error_code, std::size_t>;
  if (closed_) co_return Failure{"closed"};
  const std::optional<Read> got = co_await within<Read>(context_, until, socket_->read());
  if (!got) co_return false;
  if (got->first) co_return failed("the connection ended", got->first);
  reader_.feed(std::string_view(socket_->buffer.data(), got->second));
  if (reader_.is_broken()) co_return Failure{"that is not Redis, or its reply is too large"};
  co_return true;
}

Task<Attempt<Reply>> RedisWire::receive(std::chrono::milliseconds time) {
  const SteadyTime until = in(time);
  for (;;) {
    std::optional<Reply> reply = reader_.next();
    if (reply) co_return std::move(*reply);
    if (reader_.is_broken()) co_return Failure{"that is not Redis"};
    const Attempt<bool> some = co_await read(until);
    if (!some) co_return some.error();
    if (!*some) co_return Failure{"no answer in time"};
  }
}

Task<Attempt<Reply>> RedisWire::ask(std::string command, std::chrono::milliseconds time) {
  const Attempt<> sent = co_await send(std::move(command));
  if (!sent) co_return sent.error();
  co_return co_await receive(time);
}

void RedisWire::close() noexcept {
  closed_ = true;
  error_code ignored;
  socket_->plain.close(ignored);
}

}  // namespace corohub::ingest
