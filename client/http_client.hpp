// Requests to one server over HTTP/1.1, one connection each, and answers that never end. Blocking; for one
// thread.
#pragma once

#include "client/connection.hpp"
#include "client/response_reader.hpp"
#include "core/secret.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::client {

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, encoded
  std::string body{};  // JSON; empty: none
  std::vector<std::pair<std::string, std::string>> headers{};
};

// The body of an answer, of which more may come at any time.
class Stream {
 public:
  Stream(Connection connection, ResponseReader reader)
      : connection_(std::move(connection)), reader_(std::move(reader)) {}

  // Some bytes of the body; empty: the body is over. unreachable also when nothing came for `time`.
  Attempt<std::string> read(std::chrono::milliseconds time);

 private:
  Connection connection_;
  ResponseReader reader_;
};

class HttpClient {
 public:
  // `interrupt` outlives the client.
  HttpClient(ServerUrl server, const Interrupt& interrupt)
      : server_(std::move(server)), interrupt_(interrupt) {}

  const ServerUrl& server() const noexcept { return server_; }
  const Interrupt& interrupt() const noexcept { return interrupt_; }

  // Answers the body of a 2xx; any other status is a `refused` with what the problem says. An empty token:
  // none.
  Attempt<std::string> ask(const Request& request, const Secret& token);
  // The same for a body that goes on.
  Attempt<Stream> open(const Request& request, const Secret& token);

 private:
  ServerUrl server_;
  const Interrupt& interrupt_;
};

}  // namespace corohub::client
