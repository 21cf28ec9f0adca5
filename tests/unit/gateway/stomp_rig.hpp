// STOMP clients on sessions of a rig: frames as text out, frames in parts in.
#pragma once

#include "gateway/stomp/dialect.hpp"
#include "session_rig.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway::test {

struct StompMessage {
  std::string command;
  std::map<std::string, std::string> headers{};  // as they were written, without taking escapes back
  std::string body{};
  bool is_binary = false;

  std::string value(const std::string& header) const {
    const auto found = headers.find(header);
    return found == headers.end() ? std::string() : found->second;
  }
};

inline StompMessage parse_stomp(const std::string& text) {
  StompMessage message;
  std::size_t at = text.find('\n');
  message.command = text.substr(0, at);
  while (at != std::string::npos && text.compare(at, 2, "\n\n") != 0) {
    const std::size_t end = text.find('\n', at + 1);
    const std::string line = text.substr(at + 1, end - at - 1);
    const std::size_t colon = line.find(':');
    message.headers.emplace(line.substr(0, colon), line.substr(colon + 1));
    at = end;
  }
  if (at != std::string::npos) message.body = text.substr(at + 2, text.size() - at - 3);  // without its NUL
  return message;
}

// A frame of a client; `headers` each end with a line's end.
inline std::string stomp(const std::string& command, const std::string& headers = {},
                         const std::string& body = {}) {
  return command + "\n" + headers + "\n" + body + std::string(1, '\0');
}

class StompClient {
 public:
  // `account` null: nobody knows who it is.
  StompClient(SessionRig& rig, const Account* account, const stomp::Settings& settings)
      : rig_(rig), socket_(rig.context) {
    Result<hub::Roster::Admission> admission =
        rig.hub.roster().admit(account != nullptr ? account->id : 0, asio::ip::address_v4::loopback(), false);
    Arrival arrival{.admission = std::move(admission.value()), .address = asio::ip::address_v4::loopback()};
    if (account != nullptr) arrival.entrant = Entrant(rig.principal(rig.token(*account)));
    arrival.may_identify = true;
    session_ = std::make_shared<Session>(rig.desk, stomp::StompDialect::make(settings), std::move(arrival));
    start_websocket({.socket = socket_.take_server_socket(),
                     .unread = {},
                     .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                     .limited = true,
                     .deflate = false},
                    {rig.sockets, rig.shard.wheel(), rig.clock}, session_->outbox(), session_);
    rig.clients.push_back(&socket_);
  }
  ~StompClient() { std::erase(rig_.clients, &socket_); }
  StompClient(const StompClient&) = delete;
  StompClient& operator=(const StompClient&) = delete;

  // One WebSocket message.
  void send(const std::string& bytes) { socket_.send(encode({.payload = bytes})); }
  void send(const std::string& command, const std::string& headers, const std::string& body = {}) {
    send(stomp(command, headers, body));
  }

  // All whole messages so far; heart-beats are left out.
  std::vector<StompMessage> all() const {
    std::vector<StompMessage> messages;
    std::string text;
    bool is_binary = false;
    for (const ServerFrame& frame : socket_.frames) {
      if (frame.opcode >= 0x8) continue;
      if (frame.opcode != 0) is_binary = frame.opcode == 0x2;
      text += frame.payload;
      if (!frame.last) continue;
      if (text != "\n") messages.push_back(parse_stomp(text));
      if (text != "\n") messages.back().is_binary = is_binary;
      text.clear();
    }
    return messages;
  }
  std::size_t heartbeats() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        socket_.frames, [](const ServerFrame& frame) { return frame.payload == "\n"; }));
  }
  // The next message of this command that was not asked for before; an empty one if none comes.
  StompMessage next(const std::string& command) {
    StompMessage found;
    rig_.until([&] {
      const std::vector<StompMessage> messages = all();
      for (std::size_t& i = seen_[command]; i < messages.size(); ++i)
        if (messages[i].command == command) {
          found = messages[i++];
          return true;
        }
      return is_closed();
    });
    return found;
  }
  // Messages of this command that have come and that nobody has asked for.
  std::ptrdiff_t left(const std::string& command) {
    rig_.settle();
    const std::vector<StompMessage> messages = all();
    const auto first = messages.begin() + static_cast<std::ptrdiff_t>(seen_[command]);
    return std::ranges::count(first, messages.end(), command, &StompMessage::command);
  }
  bool is_closed() const { return socket_.end_of_file || close_frame() != nullptr; }
  // "1008 kicked", once the connection has been closed.
  std::string close_reason() {
    rig_.until([&] { return is_closed(); });
    const ServerFrame* frame = close_frame();
    return frame == nullptr ? std::string()
                            : std::to_string(frame->close_code()) + " " + frame->close_reason();
  }

  StompMessage connect(const std::string& headers = "accept-version:1.2\n") {
    send("CONNECT", headers);
    return next("CONNECTED");
  }
  // In force when this returns.
  StompMessage subscribe(const std::string& id, const std::string& destination,
                         const std::string& headers = {}) {
    send("SUBSCRIBE", "id:" + id + "\ndestination:" + destination + "\nreceipt:sub-" + id + "\n" + headers);
    return next("RECEIPT");
  }

  Session& session() { return *session_; }
  RawClient& socket() { return socket_; }

 private:
  const ServerFrame* close_frame() const {
    for (const ServerFrame& frame : socket_.frames)
      if (frame.opcode == 0x8) return &frame;
    return nullptr;
  }

  SessionRig& rig_;
  RawClient socket_;
  std::shared_ptr<Session> session_;
  std::map<std::string, std::size_t> seen_;
};

}  // namespace corohub::gateway::test
