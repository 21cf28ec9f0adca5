// An HTTP server in the test's own thread: real sockets on loopback, a clock that only the test moves, and
// clients that let the server work while they wait.
#pragma once

#include "http/server.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

#include <cctype>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace corohub::http::test {

class Rig {
 public:
  explicit Rig(HttpSettings settings = {}, std::vector<std::string> exempt = {})
      : keys_(dir_.path() / "keys.json", clock),
        tokens_(keys_, {}, clock),
        accounts_([this](UserId id) { return load(id); }, 100),
        authenticator(tokens_, accounts_, clock),
        wheel(clock.steady()),
        server(router, std::move(settings), auth::CidrList::parse(exempt).value(), clock),
        shard(server, 0, context, wheel, authenticator) {}
  ~Rig() {
    shard.stop_accepting();
    shard.abort_all();
    context.run_for(std::chrono::seconds(5));
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  asio::ip::tcp::endpoint listen() {
    endpoint = shard.listen({asio::ip::make_address("127.0.0.1"), 0}, true);
    return endpoint;
  }

  // A user who is logged in; the answer is his access token.
  std::string log_in(UserId id, Role role) {
    Account account;
    account.id = id;
    account.role = role;
    account.sessions.push_back(SessionId::random());
    rows_[id] = std::make_shared<const Account>(account);
    return tokens_.issue(account, account.sessions.front());
  }

  // Everything that can happen now happens.
  void settle() {
    do context.restart();
    while (context.poll() > 0);
  }
  // Time goes by in steps of the wheel's tick, as it does on a shard.
  void pass(std::chrono::milliseconds time) {
    settle();
    for (; time.count() > 0; time -= Wheel::tick) {
      clock.advance(std::min<std::chrono::milliseconds>(time, Wheel::tick));
      wheel.advance(clock.steady());
      settle();
    }
  }
  // Lets the server work until it is so; a limit of real time only ends a test that has failed.
  template <class Condition>
  bool until(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  corohub::test::ManualClock clock;
  Router router;

 private:
  Task<Result<AccountRef>> load(UserId id) { co_return rows_[id]; }

  corohub::test::TempDir dir_;
  auth::KeyStore keys_;
  auth::Tokens tokens_;
  std::map<UserId, AccountRef> rows_;
  auth::AccountCache accounts_;

 public:
  auth::Authenticator authenticator;
  asio::io_context context{1};
  Wheel wheel;
  Server server;
  ShardServer shard;
  asio::ip::tcp::endpoint endpoint;
};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;

  // The value of a header, by its lower-case name; empty if there is none.
  std::string header(std::string_view name) const {
    std::string lower = head;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::size_t at = lower.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const std::size_t start = at + 2 + name.size() + 2;
    return head.substr(start, head.find("\r\n", start) - start);
  }
};

class Client {
 public:
  // `source`: the address it calls from, on loopback.
  explicit Client(Rig& rig, int receive_buffer = 0, const char* source = "127.0.0.1") : rig_(rig) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0)
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    ::inet_pton(AF_INET, source, &from.sin_addr);
    if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
      throw std::runtime_error("bind failed");
    if (::connect(descriptor_, rig.endpoint.data(), static_cast<socklen_t>(rig.endpoint.size())) != 0)
      throw std::runtime_error("connect failed");
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) {  // the server has closed
        reset_ = reset_ || errno == ECONNRESET || errno == EPIPE;
        return;
      }
      rig_.settle();
    }
  }
  // Without letting the server work.
  void put(std::string_view bytes) {
    if (::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("send failed");
  }
  void shut() { ::shutdown(descriptor_, SHUT_WR); }
  void abort() {  // RST instead of FIN
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  // Takes at most so much of what has come, and throws it away.
  std::size_t skip(std::size_t bytes) {
    std::string piece(bytes, '\0');
    const ssize_t size = ::recv(descriptor_, piece.data(), bytes, MSG_DONTWAIT);
    at_end_ = at_end_ || size == 0 || (size < 0 && errno != EAGAIN);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
  }
  bool at_end() const { return at_end_; }

  Answer read(bool head_only = false) {
    Answer answer;
    const bool whole = rig_.until([&] { return take(answer, head_only) || at_end_; });
    if (!whole) throw std::runtime_error("no answer");
    return answer;
  }
  // A body's next chunk; empty: its last.
  std::string read_chunk() {
    std::size_t end = std::string::npos;
    std::size_t size = 0;
    const bool whole = rig_.until([&] {
      receive();
      end = inbound_.find("\r\n");
      if (end == std::string::npos) return at_end_;
      size = std::stoul(inbound_, nullptr, 16);
      return inbound_.size() >= end + 2 + size + 2 || at_end_;
    });
    if (!whole || end == std::string::npos) throw std::runtime_error("no chunk");
    const std::string chunk = inbound_.substr(end + 2, size);
    inbound_.erase(0, end + 2 + size + 2);
    return chunk;
  }
  // So much of what comes.
  std::string read_bytes(std::size_t size) {
    const bool whole = rig_.until([&] {
      receive();
      return inbound_.size() >= size || at_end_;
    });
    if (!whole || inbound_.size() < size) throw std::runtime_error("not so many bytes");
    const std::string bytes = inbound_.substr(0, size);
    inbound_.erase(0, size);
    return bytes;
  }
  // All that comes until the server ends the connection.
  std::string read_to_end() {
    const bool ended = rig_.until([&] {
      receive();
      return at_end_;
    });
    if (!ended) throw std::runtime_error("no end");
    return std::exchange(inbound_, {});
  }
  Answer ask(std::string_view bytes, bool head_only = false) {
    send(bytes);
    return read(head_only);
  }
  // The server has ended the connection and nothing unread is left.
  bool ended() {
    rig_.until([&] {
      receive();
      return at_end_ || !inbound_.empty();
    });
    return at_end_ && inbound_.empty();
  }
  // Nothing has come, and the connection lives.
  bool silent() {
    rig_.settle();
    receive();
    return !at_end_ && inbound_.empty();
  }
  bool reset() const { return reset_; }

 private:
  void receive() {
    char piece[65'536];
    for (;;) {
      const ssize_t size = ::recv(descriptor_, piece, sizeof piece, MSG_DONTWAIT);
      if (size > 0) {
        inbound_.append(piece, static_cast<std::size_t>(size));
        continue;
      }
      reset_ = reset_ || (size < 0 && errno == ECONNRESET);
      at_end_ = at_end_ || size == 0 || errno != EAGAIN;
      return;
    }
  }
  bool take(Answer& answer, bool head_only) {
    receive();
    const std::size_t end = inbound_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    answer.head = inbound_.substr(0, end + 2);
    answer.status = std::stoi(answer.head.substr(9, 3));
    const std::string length = answer.header("content-length");
    const std::size_t size = length.empty() || head_only ? 0 : std::stoul(length);
    if (inbound_.size() < end + 4 + size) return false;
    answer.body = inbound_.substr(end + 4, size);
    inbound_.erase(0, end + 4 + size);
    return true;
  }

  Rig& rig_;
  int descriptor_ = -1;
  std::string inbound_;
  bool at_end_ = false;
  bool reset_ = false;
};

}  // namespace corohub::http::test
