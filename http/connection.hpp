// One HTTP/1.1 connection: reads requests, asks the router, answers in order, under a deadline in every
// phase. The connection belongs to its coroutine and is destroyed when that ends. Shard's thread only.
#pragma once

#include "core/send_progress.hpp"
#include "core/task.hpp"
#include "core/wheel.hpp"
#include "http/http_shard.hpp"
#include "http/request_reader.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::http {

class Connection final : public Timed, public ListedConnection {
 public:
  // The socket is non-blocking.
  Connection(std::shared_ptr<HttpShard> shard, Socket socket, const asio::ip::address& peer,
             ConnectionCounts::Place place);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves until the connection ends or a handler takes its socket over.
  static Task<> serve(std::unique_ptr<Connection> connection);

  void end_if_idle() noexcept;  // unless a request is in flight
  void abort() noexcept;        // ends at once
  void on_due(SteadyTime now) noexcept override;

 private:
  enum class Phase : std::uint8_t { idle, head, body, handling, writing, lingering };

  Task<> run();
  Task<bool> hear_proxy();
  Task<Response> respond(Context& context);
  Task<Result<>> admit(Context& context);
  Task<Result<>> admit_again(Context& context);
  Task<Result<>> read_body();
  Task<Response> handle(Context& context);
  Task<bool> receive();
  Task<> send(std::string bytes);
  Task<> linger();

  // Does without a coroutine what can be done without waiting; nothing: the answer has to be waited for.
  std::optional<Response> respond_now(std::optional<Context>& context);
  std::optional<Result<>> admit_now(Context& context);
  std::optional<Response> handle_now(Context& context);
  Result<> enter_route(Context& context, Result<auth::Principal> principal);

  void name_request();
  void know(const asio::ip::address& peer);
  Result<> take_address_rate();
  void settle_rate(const Context& context, Response& response);
  std::string head_of_stream(Response& response);
  Response unrouted(std::string_view allow) const;
  Response refusal(const Error& error) const;
  const RouteOptions& options() const noexcept;
  void add_cors(Response& response) const;
  bool must_close(const Response& response);
  SteadyTime record(const Response& response);

  void feed();
  bool receive_now(boost::system::error_code& failure);
  // Returns how many bytes the socket has taken.
  std::size_t send_now(std::string_view bytes);
  std::uint64_t acknowledged() noexcept;
  std::size_t send_answer(Response response);
  void enter(Phase phase) noexcept;                                                   // without a deadline
  void enter(Phase phase, SteadyTime from, std::chrono::milliseconds time) noexcept;  // `from` on the clock
  void enter(Phase phase, SteadyTime wheel_until) noexcept;                           // in the wheel's time
  SteadyTime deadline() const noexcept;
  SteadyTime now() const noexcept { return shard_->now(); }
  bool ended() const noexcept { return timed_out_ || stopped_; }

  std::shared_ptr<HttpShard> shard_;
  Socket socket_;
  asio::ip::address peer_;  // the other end, or whom the PROXY header names
  bool trusted_ = false;    // `peer_` is a trusted proxy
  bool over_loopback_ = true;
  ConnectionCounts::Place place_;  // among the connections of that address
  bool exempt_ = false;            // the caller of this request
  RequestReader reader_;
  std::string inbound_;  // received and not yet taken by the reader
  Phase phase_ = Phase::idle;
  SteadyTime phase_started_;  // in the wheel's time, as the next member
  SteadyTime deadline_;
  std::optional<SendProgress> progress_;  // set while writing
  std::uint64_t handed_over_ = 0;         // to the socket
  bool timed_out_ = false;
  bool stopped_ = false;  // by the server
  bool broken_ = false;   // nothing more can be sent
  bool closing_ = false;  // the last answer is out
  std::size_t served_ = 0;

  // For metrics and log of the request in hand.
  SteadyTime request_started_;
  const Route* route_ = nullptr;
  const Route* of_path_ = nullptr;  // see Router::Match
  UserId user_ = 0;
  bool admitted_ = false;
  bool patient_ = false;  // see Context

  auth::KnownToken token_;  // the token of the last request that had one

  std::unique_ptr<Takeover> takeover_;
};

}  // namespace corohub::http
