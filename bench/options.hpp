// What one run of the load generator does. Every option has a value: `--name value`; help_text() says what
// for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace corohub::bench {

enum class Drive : std::uint8_t { none, websocket, http };

struct Options {
  std::uint16_t port = 0;
  pid_t process = 0;

  std::size_t clients = 0;
  std::string path = "/ws";  // {index} in it is the client's number
  std::string say_path;  // not empty: clients are POSTs whose answers are streams; what they say goes there
  bool get_streams = false;         // clients are GETs whose answers are streams; they say nothing
  bool get_polls = false;           // clients are GETs, asked again when they are answered; they say nothing
  std::vector<std::string> tokens;  // dealt to the clients in turn; none: no Authorization
  std::string first;                // a text every client sends before `hello`, and
  std::string first_ready;          // what it waits for then
  std::string hello;                // a text every client sends once it is connected
  std::string ready;                // connected once a text with this came; empty: with the upgrade
  std::string ping;                 // a text that ends so is answered with `pong`, by every WebSocket
  std::string pong;
  bool unread = false;          // once connected never read; connect again when the server has had enough
  double settle_seconds = 0.1;  // after connecting: some servers know a client only after its upgrade
  double idle_seconds = 0;      // CPU of the server while nothing is sent

  Drive drive = Drive::none;
  std::string sender_path = "/ws";  // of senders that are WebSockets
  std::string sender_token;
  std::string sender_hello;  // as `hello` and `ready`, of senders
  std::string sender_ready;
  std::string request;  // start line of senders that speak HTTP: "POST /ws/broadcast"; {mark} as in `event`
  std::string header;   // one more line of theirs: "If-None-Match: \"x\""
  std::string event;    // text or body, with {mark}, {pad}, {id} and {size}
  std::string mark = "#bench:";  // what eight digits follow, by which a receipt is known
  std::string any;               // not empty: instead of a mark, this, and it is the newest event's
  std::size_t senders = 1;
  double rate = 0;             // events per second; 0: as fast as `window` allows
  std::size_t window = 1;      // events under way
  std::size_t receivers = 0;   // of each event; default: all clients
  std::size_t text_bytes = 0;  // size of the text that arrives, reached with {pad}
  std::size_t pad_bytes = 0;   // of {pad}, for events of one size whatever a protocol adds
  double warmup_seconds = 0.5;
  double seconds = 3;
  bool until_input_ends = false;  // instead of `seconds`
};

std::string help_text();
// Ends the program with the help text on anything it does not know.
Options parse_options(const std::vector<std::string>& arguments);

}  // namespace corohub::bench
