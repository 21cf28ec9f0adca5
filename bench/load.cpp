#include "bench/load.hpp"

#include "bench/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <iostream>

#include <sys/socket.h>
#include <unistd.h>

namespace corohub::bench {
namespace {

constexpr std::size_t mark_digits = 8;
constexpr std::size_t handshakes_at_a_time = 128;
constexpr std::size_t clients_per_address = 5000;
constexpr double connect_seconds_max = 60;
constexpr double drain_seconds_max = 5;
constexpr std::uint64_t refusals_shown = 3;
constexpr std::uint64_t input_index = UINT64_MAX;  // of standard input among what epoll watches

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

void replace(std::string& text, std::string_view name, const std::string& value) {
  const std::size_t at = text.find(name);
  if (at != std::string::npos) text.replace(at, name.size(), value);
}

template <class Number>
Number number_at(std::string_view text, std::size_t at, std::size_t digits) {
  Number value{};
  const char* end = text.data() + std::min(text.size(), at + digits);
  std::from_chars(text.data() + at, end, value);
  return value;
}

}  // namespace

Load::Load(const Options& options)
    : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(std::size_t{1} << 18) {
  const std::size_t senders = options.drive == Drive::none ? 0 : options.senders;
  connections_.resize(options.clients + senders + (options.say_path.empty() ? 0 : 1));
}

Load::~Load() {
  for (const Connection& connection : connections_)
    if (connection.fd >= 0) close(connection.fd);
  close(epoll_);
}

std::string Load::mark_of(std::size_t event) const {
  std::string digits = std::to_string(event);
  digits.insert(0, mark_digits - std::min(mark_digits, digits.size()), '0');
  return options_.mark + digits;
}

// ---- connecting ----

void Load::connect_clients() {
  if (!options_.say_path.empty()) connect_speaker();
  connect_all(0, options_.clients);
}

void Load::connect_speaker() {
  connections_.back().plain_http = true;
  connections_.back().sender = true;
  connect_all(connections_.size() - 1, 1);
}

void Load::connect_senders() {
  for (std::size_t i = options_.clients; i < options_.clients + options_.senders; ++i) {
    connections_[i].sender = true;
    connections_[i].plain_http = options_.drive == Drive::http;
  }
  connect_all(options_.clients, options_.senders);
}

void Load::connect_all(std::size_t first, std::size_t count) {
  const std::int64_t deadline = now_ns() + nanoseconds(connect_seconds_max);
  for (std::size_t begun = 0; begun < count || connecting_ > 0;) {
    for (; begun < count && connecting_ < handshakes_at_a_time; ++begun) begin_connection(first + begun);
    turn(deadline);
    if (now_ns() >= deadline) fail(std::to_string(connecting_) + " connections were not ready in time");
  }
}

void Load::begin_connection(std::size_t index) {
  Connection& connection = connections_[index];
  connection.fd = connect_to_loopback(options_.port, static_cast<unsigned>(1 + index / clients_per_address),
                                      options_.unread && !connection.sender);
  connection.stream = !connection.sender && (options_.get_streams || !options_.say_path.empty());
  connection.poll = !connection.sender && options_.get_polls;
  if (connection.stream) {
    connection.output = stream_request(index);
  } else if (connection.poll) {
    connection.output = get(index);
  } else if (!connection.plain_http) {
    connection.output = upgrade_request(connection, index);
  }
  connection.writable_wanted = true;
  ++connecting_;
  epoll_event wanted{.events = EPOLLIN | EPOLLOUT, .data = {.u64 = index}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &wanted);
}

// The client's number and token in a target; returns the token for a header, unless the target had its place.
std::string Load::fill_in(std::string& request, std::size_t index) const {
  const std::string token = options_.tokens.empty() ? "" : options_.tokens[index % options_.tokens.size()];
  replace(request, "{index}", std::to_string(index));
  const bool has_place = request.find("{token}") != std::string::npos;
  replace(request, "{token}", token);
  return has_place ? "" : token;
}

std::string Load::post(const std::string& target, std::size_t index, std::string_view body) const {
  std::string request = "POST " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port);
  const std::string token = fill_in(request, index);
  if (!token.empty()) request += "\r\nAuthorization: Bearer " + token;
  request += "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return request.append(body);
}

std::string Load::stream_request(std::size_t index) const {
  return options_.get_streams ? get(index) : post(options_.path, index, "");
}

std::string Load::get(std::size_t index) const {
  std::string request =
      "GET " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port);
  const std::string token = fill_in(request, index);
  if (!token.empty()) request += "\r\nAuthorization: Bearer " + token;
  return request + "\r\n\r\n";
}

std::string Load::upgrade_request(const Connection& connection, std::size_t index) const {
  std::string request = "GET " + (connection.sender ? options_.sender_path : options_.path) + " HTTP/1.1\r\n";
  const std::string token = connection.sender ? options_.sender_token : fill_in(request, index);
  request += "Host: 127.0.0.1:" + std::to_string(options_.port) + "\r\n";
  request += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  request += "Sec-WebSocket-Key: Y29yb2h1YiBiZW5jaGVzIQ==\r\n";
  if (!token.empty()) request += "Authorization: Bearer " + token + "\r\n";
  return request + "\r\n";
}

void Load::upgraded(std::size_t index) {
  Connection& connection = connections_[index];
  connection.state = State::greeting;
  if (connection.plain_http) return opened(index);
  const bool introduces = !connection.sender && !options_.first.empty();
  const std::string& hello = connection.sender ? options_.sender_hello
                             : introduces      ? options_.first
                                               : options_.hello;
  if (!hello.empty()) say_own(index, hello);
  if ((connection.sender ? options_.sender_ready : options_.ready).empty()) opened(index);
}

void Load::opened(std::size_t index) {
  Connection& connection = connections_[index];
  connection.state = State::open;
  --connecting_;
  if (connection.sender) return;
  ++open_clients_;
  if (!options_.unread) return;
  epoll_event wanted{.events = EPOLLRDHUP, .data = {.u64 = index}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &wanted);
}

// With the client's number and token in their places.
void Load::say_own(std::size_t index, std::string text) {
  fill_in(text, index);
  say(index, text);
}

void Load::say(std::size_t index, std::string_view text) {
  if (connections_[index].stream) {
    connections_.back().output += post(options_.say_path, index, text);
    return write_to(connections_.size() - 1);
  }
  append_masked_frame(connections_[index].output, opcode_text, text);
  write_to(index);
}

void Load::lost(std::size_t index) {
  Connection& connection = connections_[index];
  if (connection.state == State::closed) return;
  if (connection.state != State::open)
    fail("the server ended connection " + std::to_string(index) + " at once");
  if (connection.sender) fail("the server ended a connection that sends");
  --open_clients_;
  connection.state = State::closed;
  close(connection.fd);
  connection.fd = -1;
  const bool comes_again = connection.stream;  // a server may end the connection with the answer
  if (!options_.unread && !comes_again) return;
  ++reconnected_;
  connection = Connection();
  connection.greeted = comes_again;
  begin_connection(index);
}

// ---- one turn of the loop ----

void Load::turn(std::int64_t until) {
  std::array<epoll_event, 512> ready{};
  const std::int64_t left = std::max<std::int64_t>(0, until - now_ns());
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  const int count = epoll_pwait2(epoll_, ready.data(), static_cast<int>(ready.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) handle(ready[static_cast<std::size_t>(i)]);
}

void Load::handle(const epoll_event& ready) {
  const std::size_t index = ready.data.u64;
  if (index == input_index) {
    input_ended_ = read(STDIN_FILENO, buffer_.data(), buffer_.size()) <= 0;
    if (input_ended_) epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
    return;
  }
  Connection& connection = connections_[index];
  if (connection.state == State::closed) return;
  if (options_.unread && !connection.sender && connection.state == State::open) return lost(index);
  if ((ready.events & EPOLLOUT) != 0) {
    write_to(index);
    if (connection.state == State::connecting && connection.output.empty()) {
      if (connection.poll) opened(index);  // it is answered when there is an event
      if (connection.plain_http) upgraded(index);
    }
  }
  if ((ready.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_from(index);
}

void Load::write_to(std::size_t index) {
  Connection& connection = connections_[index];
  if (!connection.output.empty()) {
    const ssize_t sent =
        send(connection.fd, connection.output.data(), connection.output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return lost(index);
    if (sent > 0) connection.output.erase(0, static_cast<std::size_t>(sent));
  }
  const bool wanted = !connection.output.empty();
  if (wanted == connection.writable_wanted) return;
  connection.writable_wanted = wanted;
  epoll_event events{.events = EPOLLIN | (wanted ? EPOLLOUT : 0U), .data = {.u64 = index}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &events);
}

void Load::read_from(std::size_t index) {
  Connection& connection = connections_[index];
  const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return lost(index);
  read_at_ = now_ns();
  const std::uint64_t deliveries_before = measured_.deliveries;
  std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
  if (!connection.input.empty()) bytes = connection.input.append(bytes);
  std::size_t used = 0;
  while (const std::size_t more = connection.state == State::closed ? 0 : consume(index, bytes.substr(used)))
    used += more;
  if (connection.input.empty()) {
    connection.input.assign(bytes.substr(used));
  } else {
    connection.input.erase(0, used);
  }
  if (measured_.deliveries != deliveries_before) ++measured_.reads;
}

std::size_t Load::consume(std::size_t index, std::string_view bytes) {
  const Connection& connection = connections_[index];
  if (connection.stream) return consume_chunk(index, bytes);
  if (connection.poll) return consume_poll(index, bytes);
  if (connection.plain_http || connection.state == State::connecting) return consume_answer(index, bytes);
  return consume_frame(index, bytes);
}

std::size_t Load::consume_answer(std::size_t index, std::string_view bytes) {
  const auto answer = first_message(bytes);
  if (!answer) return 0;
  Connection& connection = connections_[index];
  const std::string_view status = answer->head.substr(std::min<std::size_t>(9, answer->head.size()), 3);
  if (!connection.plain_http) {
    if (status != "101") fail("an upgrade was answered " + std::string(answer->head.substr(0, 60)));
    upgraded(index);
    return answer->bytes;
  }
  connection.waiting = false;
  if (status == "503") ++unavailable_;
  if (!status.starts_with('2') && status != "304" && ++refusals_ <= refusals_shown)
    std::cerr << "refused: " << answer->head.substr(0, answer->head.find('\r')) << ' ' << answer->body
              << '\n';
  if (options_.receivers == 0) delivered(connection.request_event, answer->body.size());
  return answer->bytes;
}

// What streams is taken chunk by chunk; the head of an answer begins with no digit of a chunk's size.
std::size_t Load::consume_chunk(std::size_t index, std::string_view bytes) {
  constexpr std::string_view head_begin = "HTTP/1.1 ";
  if (bytes.starts_with('H')) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    if (bytes.substr(head_begin.size(), 3) != "200")
      fail("a stream was answered " + std::string(bytes.substr(0, 60)));
    Connection& connection = connections_[index];
    if (connection.state == State::connecting) connection.greeted ? opened(index) : upgraded(index);
    return end + 4;
  }
  const auto chunk = first_chunk(bytes);
  if (!chunk) return 0;
  if (chunk->data.empty()) {  // enough for one answer
    connections_[index].output += stream_request(index);
    write_to(index);
  } else {
    text_came(index, chunk->data);
  }
  return chunk->bytes;
}

std::size_t Load::consume_poll(std::size_t index, std::string_view bytes) {
  const auto answer = first_message(bytes);
  if (!answer) return 0;
  constexpr std::string_view good = "HTTP/1.1 200";
  if (!answer->head.starts_with(good)) fail("a poll was answered " + std::string(answer->head.substr(0, 60)));
  text_came(index, answer->body);
  connections_[index].output += get(index);
  write_to(index);
  return answer->bytes;
}

std::size_t Load::consume_frame(std::size_t index, std::string_view bytes) {
  const auto frame = first_frame(bytes);
  if (!frame) return 0;
  // Of a message in fragments, the one with the mark counts.
  if (frame->opcode == opcode_text || frame->opcode == opcode_binary ||
      frame->opcode == opcode_continuation) {
    text_came(index, frame->payload);
  } else if (frame->opcode == opcode_ping) {
    append_masked_frame(connections_[index].output, opcode_pong, frame->payload);
    write_to(index);
  } else if (frame->opcode == opcode_close) {
    lost(index);
  }
  return frame->bytes;
}

// ---- events ----

void Load::text_came(std::size_t index, std::string_view text) {
  Connection& connection = connections_[index];
  if (!options_.ping.empty() && text.ends_with(options_.ping)) say(index, options_.pong);
  if (!connection.sender && !options_.first.empty() && !connection.greeted) {
    connection.greeted = text.find(options_.first_ready) != std::string_view::npos;
    if (connection.greeted) say_own(index, options_.hello);
    return;
  }
  const std::string& expected = connection.sender ? options_.sender_ready : options_.ready;
  if (connection.state == State::greeting && text.find(expected) != std::string_view::npos) opened(index);
  if (connection.sender) return answer_came(text);
  if (!options_.any.empty()) {
    if (!events_.empty() && text.find(options_.any) != std::string_view::npos)
      delivered(static_cast<std::uint32_t>(events_.size() - 1), text.size());
    return;
  }
  // Some servers join events into one text; its bytes are counted once.
  std::size_t bytes = text.size();
  for (;;) {
    const void* found = memmem(text.data(), text.size(), options_.mark.data(), options_.mark.size());
    if (found == nullptr) return;
    text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) +
                       options_.mark.size());
    delivered(number_at<std::uint32_t>(text, 0, mark_digits), bytes);
    bytes = 0;
  }
}

// A sender's WebSocket: what the server says of a publish.
void Load::answer_came(std::string_view text) {
  if (text.find(R"("type":"error")") != std::string_view::npos && ++refusals_ <= refusals_shown)
    std::cerr << "refused: " << text << '\n';
  const std::size_t at = text.find(R"("id":)");
  if (options_.receivers != 0 || at == std::string_view::npos) return;
  delivered(number_at<std::uint32_t>(text, at + 5, mark_digits), text.size());
}

void Load::delivered(std::uint32_t number, std::size_t bytes) {
  if (number >= events_.size() || events_[number].missing == 0) return;
  Event& event = events_[number];
  text_size_ = bytes;
  const bool last = --event.missing == 0;
  if (last) --under_way_;
  if (!event.counted) return;
  ++measured_.deliveries;
  measured_.bytes += bytes;
  measured_.receipt.add(read_at_ - event.sent);
  if (!last) return;
  ++measured_.complete;
  measured_.last.add(read_at_ - event.sent);
}

Load::Connection* Load::free_sender() {
  for (std::size_t i = 0; i < options_.senders; ++i) {
    Connection& sender = connections_[options_.clients + (next_sender_ + i) % options_.senders];
    if (sender.waiting || !sender.output.empty()) continue;
    next_sender_ = (next_sender_ + i + 1) % options_.senders;
    return &sender;
  }
  return nullptr;
}

void Load::send_event(Connection& sender) {
  const std::size_t number = events_.size();
  std::string text = options_.event;
  replace(text, "{mark}", mark_of(number));
  replace(text, "{id}", std::to_string(number));
  replace(text, "{size}", std::to_string(options_.mark.size() + mark_digits + pad_));
  replace(text, "{pad}", std::string(pad_, 'x'));
  if (sender.plain_http) {
    std::string request = options_.request;
    replace(request, "{mark}", mark_of(number));
    sender.output = request + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) + "\r\n";
    if (!options_.header.empty()) sender.output += options_.header + "\r\n";
    if (!options_.sender_token.empty())
      sender.output += "Authorization: Bearer " + options_.sender_token + "\r\n";
    if (!text.empty())
      sender.output +=
          "Content-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) + "\r\n";
    sender.output += "\r\n" + text;
    sender.waiting = true;
    sender.request_event = static_cast<std::uint32_t>(number);
  } else {
    append_masked_frame(sender.output, opcode_text, text);
  }
  const auto missing = static_cast<std::uint32_t>(options_.receivers == 0 ? 1 : options_.receivers);
  events_.push_back({.sent = now_ns(), .missing = missing, .counted = counting_});
  ++under_way_;
  if (counting_) ++measured_.events;
  write_to(static_cast<std::size_t>(&sender - connections_.data()));
}

// Whether an event could be sent now.
bool Load::drive_once() {
  const std::int64_t now = now_ns();
  if (options_.rate > 0 ? now < next_due_ : under_way_ >= options_.window) return false;
  Connection* sender = free_sender();
  if (sender == nullptr) return false;
  if (options_.rate > 0) {
    if (counting_) measured_.lateness.add(now - next_due_);
    next_due_ += nanoseconds(1 / options_.rate);
  }
  send_event(*sender);
  return true;
}

void Load::calibrate() {
  pad_ = options_.pad_bytes;
  if (options_.text_bytes == 0) return;
  send_event(*free_sender());
  drain(drain_seconds_max);
  if (under_way_ != 0) fail("the first event did not reach everybody");
  if (text_size_ < options_.text_bytes) pad_ = options_.text_bytes - text_size_;
}

void Load::run() {
  drive_for(options_.warmup_seconds);
  measured_ = Measured();
  std::cerr << "corohub_bench: measuring" << std::endl;
  counting_ = true;
  const std::int64_t begin = now_ns();
  const std::int64_t cpu = cpu_ns(options_.process);
  const std::int64_t user = user_ns(options_.process);
  const std::int64_t own = own_cpu_ns();
  const std::int64_t machine = machine_ns();
  drive_for(options_.until_input_ends ? until_input_ends_max : options_.seconds);
  counting_ = false;
  measured_.seconds = static_cast<double>(now_ns() - begin) / 1e9;
  measured_.cpu = cpu_ns(options_.process) - cpu;
  measured_.user = user_ns(options_.process) - user;
  measured_.own_cpu = own_cpu_ns() - own;
  measured_.machine = machine_ns() - machine;
}

// Sends for so long, and waits for what is under way then.
void Load::drive_for(double seconds) {
  const std::int64_t end = now_ns() + nanoseconds(seconds);
  next_due_ = now_ns();
  while (now_ns() < end && !input_ended_) {
    while (drive_once()) {
    }
    // Behind the schedule, what it waits for is an answer, not the clock.
    turn(options_.rate > 0 && next_due_ > now_ns() ? std::min(end, next_due_) : end);
  }
  drain(drain_seconds_max);
}

void Load::drain(double seconds) {
  const std::int64_t deadline = now_ns() + nanoseconds(seconds);
  while (under_way_ > 0 && now_ns() < deadline) turn(deadline);
}

void Load::wait(double seconds) {
  const std::int64_t deadline = now_ns() + nanoseconds(seconds);
  while (now_ns() < deadline && !input_ended_) turn(deadline);
}

void Load::end_with_input() {
  epoll_event wanted{.events = EPOLLIN, .data = {.u64 = input_index}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &wanted) < 0) fail("standard input is no pipe");
}

}  // namespace corohub::bench
