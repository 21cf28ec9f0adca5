// `corohub listen`: the event stream as lines, over every loss of the connection. Blocking; for one thread.
#pragma once

#include "client/back_off.hpp"
#include "client/event_reader.hpp"
#include "client/http_client.hpp"
#include "client/login.hpp"
#include "core/json.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::client {

struct ListenOptions {
  std::string since;  // a position; empty: from now on
  std::vector<std::string> topics{};
  std::string types{};                        // "user.*,system.alert"; empty: all
  std::chrono::milliseconds silence{60'000};  // the server's comments come every 20 s
};

// Whether a stream that the server ended for this reason is worth another try.
enum class AfterClose : std::uint8_t { come_back, renew_token, give_up };
AfterClose after_close(std::string_view reason) noexcept;

class Listener {
 public:
  using Say = std::function<void(std::string_view)>;

  // `print` gets each message, one line of JSON; `tell` gets what happens to the connection. All arguments
  // outlive the listener.
  Listener(HttpClient& client, TokenSource& source, ListenOptions options, Say print, Say tell);

  // Listens until the user wants to go (interrupted), the server refuses (refused), or the first connection
  // fails. Later connections are tried for ever.
  Failure run();

  // Where the next connection goes on; empty: with what comes then.
  const std::string& position() const noexcept { return position_; }

 private:
  struct Ended {
    AfterClose then = AfterClose::come_back;
    Failure why;
  };

  Attempt<Stream> connect();
  Ended follow(Stream stream);
  // True, with `ended` set, if this event is the stream's last.
  bool take(const StreamEvent& event, Ended& ended);
  std::string target() const;

  HttpClient& client_;
  TokenSource& source_;
  const ListenOptions options_;
  const Say print_;
  const Say tell_;
  BackOff back_off_;
  std::string position_;
  bool connected_once_ = false;
};

}  // namespace corohub::client
