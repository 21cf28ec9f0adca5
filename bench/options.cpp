#include "bench/options.hpp"

#include "bench/wire.hpp"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string_view>

namespace corohub::bench {
namespace {

double number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || value < 0) fail("not a number: " + text);
  return value;
}

std::size_t whole(const std::string& text) { return static_cast<std::size_t>(number(text)); }

// Arguments of a program cannot have a NUL, frames of STOMP end with one.
std::string text_of(std::string text) {
  constexpr std::string_view name = "{nul}";
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
    text.replace(at, name.size(), 1, '\0');
  return text;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) fail("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Drive drive_of(const std::string& text) {
  if (text == "websocket") return Drive::websocket;
  if (text == "http") return Drive::http;
  fail("--drive is websocket or http");
}

}  // namespace

std::string help_text() {
  return R"(corohub_bench --port P --pid PID [--name value]...: opens WebSockets, drives events, prints one line of JSON

  --clients N         WebSockets that receive            --path TARGET      of them (/ws)
  --tokens FILE       bearer tokens, one per line, dealt in turn
                      {index} in a target, in --first and in --hello is the number of the client,
                      {token} its token
  --say-path TARGET   clients are POSTs to --path whose answers are streams; what they say is POSTed to this target
  --get-streams 1     clients are GETs of --path whose answers are streams
  --get-polls 1       clients are GETs of --path that are answered with events, and then asked again
  --first TEXT        sent by each before --hello, whose turn is a text with --first-ready TEXT
  --hello TEXT        sent by each once connected        --ready TEXT       connected when a text contains it
  --ping TEXT         a text that ends so is answered    --pong TEXT        with this one
  --unread 1          never read once connected, with small buffers; connect again when the server closes
  --settle S (0.1)    wait once all are connected        --idle S           CPU while nothing is sent

  --drive websocket|http
  --senders N         connections that send (1)          --sender-token T   their bearer token
  --sender-path P     of WebSockets (/ws)                --request 'POST /path'  start line over HTTP
  --header LINE       one more line of its head, over HTTP
  --sender-hello TEXT, --sender-ready TEXT               as --hello and --ready
  --event TEXT        text or body; {mark} finds the event again, {id} is its number, {size} the bytes
                      of {mark}{pad}, {pad} fills up to
                      {nul} in any TEXT is the byte 0; {mark} may stand in --request, too
  --mark TEXT (#bench:)  before the eight digits of {mark}
  --any TEXT          what has this is a receipt of the newest event: for texts that carry no mark
  --text-bytes N      the size of the text that arrives  --pad-bytes N      instead: the size of {pad}
  --rate R            events per second; without it: --window N of them under way (1)
  --receivers N       of each event (all clients; with no client an event is done when it is answered)
  --warmup S (0.5)    --seconds S (3)
  --until-input-ends 1  instead of --seconds: be there, and drive, until standard input ends

Says "ready" on standard error once the clients are connected, "measuring" when the measured time begins.
)";
}

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  const std::map<std::string, std::function<void(const std::string&)>> settings{
      {"--port", [&](const auto& v) { options.port = static_cast<std::uint16_t>(whole(v)); }},
      {"--pid", [&](const auto& v) { options.process = static_cast<pid_t>(whole(v)); }},
      {"--clients", [&](const auto& v) { options.clients = whole(v); }},
      {"--path", [&](const auto& v) { options.path = v; }},
      {"--tokens", [&](const auto& v) { options.tokens = lines_of(v); }},
      {"--say-path", [&](const auto& v) { options.say_path = v; }},
      {"--get-streams", [&](const auto& v) { options.get_streams = whole(v) != 0; }},
      {"--get-polls", [&](const auto& v) { options.get_polls = whole(v) != 0; }},
      {"--first", [&](const auto& v) { options.first = text_of(v); }},
      {"--first-ready", [&](const auto& v) { options.first_ready = text_of(v); }},
      {"--hello", [&](const auto& v) { options.hello = text_of(v); }},
      {"--ready", [&](const auto& v) { options.ready = v; }},
      {"--ping", [&](const auto& v) { options.ping = text_of(v); }},
      {"--pong", [&](const auto& v) { options.pong = text_of(v); }},
      {"--unread", [&](const auto& v) { options.unread = whole(v) != 0; }},
      {"--settle", [&](const auto& v) { options.settle_seconds = number(v); }},
      {"--idle", [&](const auto& v) { options.idle_seconds = number(v); }},
      {"--drive", [&](const auto& v) { options.drive = drive_of(v); }},
      {"--sender-path", [&](const auto& v) { options.sender_path = v; }},
      {"--sender-token", [&](const auto& v) { options.sender_token = v; }},
      {"--sender-hello", [&](const auto& v) { options.sender_hello = text_of(v); }},
      {"--sender-ready", [&](const auto& v) { options.sender_ready = v; }},
      {"--request", [&](const auto& v) { options.request = v; }},
      {"--header", [&](const auto& v) { options.header = v; }},
      {"--mark", [&](const auto& v) { options.mark = v; }},
      {"--any", [&](const auto& v) { options.any = v; }},
      {"--event", [&](const auto& v) { options.event = text_of(v); }},
      {"--senders", [&](const auto& v) { options.senders = whole(v); }},
      {"--rate", [&](const auto& v) { options.rate = number(v); }},
      {"--window", [&](const auto& v) { options.window = whole(v); }},
      {"--receivers", [&](const auto& v) { options.receivers = whole(v); }},
      {"--text-bytes", [&](const auto& v) { options.text_bytes = whole(v); }},
      {"--pad-bytes", [&](const auto& v) { options.pad_bytes = whole(v); }},
      {"--warmup", [&](const auto& v) { options.warmup_seconds = number(v); }},
      {"--seconds", [&](const auto& v) { options.seconds = number(v); }},
      {"--until-input-ends", [&](const auto& v) { options.until_input_ends = whole(v) != 0; }},
  };
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto setting = settings.find(arguments[i]);
    if (setting == settings.end() || i + 1 == arguments.size()) {
      std::cerr << help_text();
      std::exit(arguments[i] == "--help" ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    setting->second(arguments[i + 1]);
  }
  if (options.port == 0 || options.process == 0) fail("--port and --pid are needed (--help)");
  if (options.receivers == 0) options.receivers = options.clients;
  return options;
}

}  // namespace corohub::bench
