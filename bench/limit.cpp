// The floor: what a server would cost that did nothing but send. It accepts the same upgrades, keeps no queue
// unless a socket is full, knows no users and no topics, and does one send() per event and client; with
// --batch one send() per client for all events that came in one turn of its loop.
//
// GET /ws is a client that receives, GET /publish a WebSocket whose texts are events, POST an event as a
// body, any other GET a constant answer. Prints {"port":N} once it listens; one thread; ends with its
// standard input.
#include "bench/wire.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace corohub::bench {
namespace {

enum class Kind : unsigned char { none, http, receiver, publisher };

struct Peer {
  Kind kind = Kind::none;
  std::size_t place = 0;  // among the receivers
  std::string input{};
  std::string waiting{};  // what a full socket did not take
};

class Limit {
 public:
  explicit Limit(bool batch)
      : batch_(batch),
        listener_(listen_on_loopback()),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        buffer_(1U << 18) {
    watch(listener_, EPOLL_CTL_ADD, EPOLLIN);
    watch(STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);
  }

  void run() {
    std::cout << "{\"port\":" << port_of(listener_) << "}" << std::endl;
    for (;;) {
      std::array<epoll_event, 256> ready{};
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < count; ++i)
        if (!handle(ready[static_cast<std::size_t>(i)])) return;
      if (!gathered_.empty()) {
        send_to_all(gathered_);
        gathered_.clear();
      }
    }
  }

 private:
  void watch(int fd, int operation, unsigned events) {
    epoll_event wanted{.events = events, .data = {.fd = fd}};
    epoll_ctl(epoll_, operation, fd, &wanted);
  }

  // False at the end of standard input.
  bool handle(const epoll_event& ready) {
    const int fd = ready.data.fd;
    if (fd == listener_) {
      accept_all();
    } else if (fd == STDIN_FILENO) {
      return read(fd, buffer_.data(), buffer_.size()) > 0;
    } else if ((ready.events & EPOLLOUT) != 0) {
      send_waiting(fd);
    } else {
      read_from(fd);
    }
    return true;
  }

  void accept_all() {
    for (int fd = 0; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      without_delay(fd);
      if (peers_.size() <= static_cast<std::size_t>(fd)) peers_.resize(static_cast<std::size_t>(fd) + 1);
      peers_[static_cast<std::size_t>(fd)].kind = Kind::http;
      watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  Peer& peer(int fd) { return peers_[static_cast<std::size_t>(fd)]; }

  void forget(int fd) {
    if (peer(fd).kind == Kind::receiver) {
      const int moved = receivers_.back();
      receivers_[peer(fd).place] = moved;
      peer(moved).place = peer(fd).place;
      receivers_.pop_back();
    }
    peer(fd) = Peer();
    close(fd);
  }

  void read_from(int fd) {
    const ssize_t count = recv(fd, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return forget(fd);
    if (peer(fd).kind == Kind::receiver) return;  // it has nothing to say
    std::string input = std::move(peer(fd).input);
    input.append(buffer_.data(), static_cast<std::size_t>(count));
    std::size_t used = 0;
    while (const std::size_t more = consume(fd, std::string_view(input).substr(used))) used += more;
    peer(fd).input = input.substr(used);
  }

  std::size_t consume(int fd, std::string_view bytes) {
    if (peer(fd).kind == Kind::http) return consume_request(fd, bytes);
    const auto frame = first_frame(bytes);
    if (!frame) return 0;
    if (frame->opcode == opcode_text) event(unmasked(*frame));
    return frame->bytes;
  }

  std::size_t consume_request(int fd, std::string_view bytes) {
    const auto request = first_message(bytes);
    if (!request) return 0;
    const std::string_view key = header_value(request->head, "Sec-WebSocket-Key");
    if (!key.empty()) {
      upgrade(fd, request->head, key);
    } else if (request->head.starts_with("POST")) {
      answer(fd,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
             "16\r\n\r\n{\"success\":true}");
      event(request->body);
    } else {
      answer(fd,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
             "15\r\n\r\n{\"status\":\"ok\"}");
    }
    return request->bytes;
  }

  void upgrade(int fd, std::string_view head, std::string_view key) {
    const bool publisher = head.starts_with("GET /publish");
    answer(fd,
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
               accept_value(key) + "\r\n\r\n");
    peer(fd).kind = publisher ? Kind::publisher : Kind::receiver;
    if (publisher) return;
    peer(fd).place = receivers_.size();
    receivers_.push_back(fd);
  }

  static void answer(int fd, std::string_view text) {
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) shutdown(fd, SHUT_RDWR);
  }

  void event(std::string_view text) {
    if (batch_) return append_frame(gathered_, opcode_text, text);
    std::string frame;
    append_frame(frame, opcode_text, text);
    send_to_all(frame);
  }

  void send_to_all(std::string_view bytes) {
    for (const int fd : receivers_) {
      Peer& receiver = peer(fd);
      if (!receiver.waiting.empty()) {
        receiver.waiting.append(bytes);
        continue;
      }
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent == static_cast<ssize_t>(bytes.size())) continue;
      receiver.waiting.assign(bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent)));
      watch(fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
  }

  void send_waiting(int fd) {
    std::string& waiting = peer(fd).waiting;
    const ssize_t sent = send(fd, waiting.data(), waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return forget(fd);
    if (sent > 0) waiting.erase(0, static_cast<std::size_t>(sent));
    if (waiting.empty()) watch(fd, EPOLL_CTL_MOD, EPOLLIN);
  }

  const bool batch_;
  const int listener_;
  const int epoll_;
  std::vector<char> buffer_;
  std::vector<Peer> peers_{};  // by descriptor
  std::vector<int> receivers_{};
  std::string gathered_{};
};

}  // namespace
}  // namespace corohub::bench

int main(int argc, char** argv) {
  using namespace corohub::bench;
  const bool batch = argc == 2 && std::string_view(argv[1]) == "--batch";
  if (argc > 1 && !batch) fail("usage: corohub_bench_limit [--batch]");
  raise_open_files();
  Limit(batch).run();
  return EXIT_SUCCESS;
}
