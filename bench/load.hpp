// The load: many WebSockets or streamed answers that receive, some connections that send, one thread, one
// epoll.
//
// An event carries a mark, `#bench:` (--mark) and eight digits, by which a receipt is counted for it: nothing
// else of a text is looked at. Where texts can carry none, any with a word (--any) is the newest event's.
// Latency is from the moment an event was handed to the kernel to the moment the read that brought it
// returned; an event is complete when all its receivers have it (or, with no receivers, when it was
// answered).
#pragma once

#include "bench/histogram.hpp"
#include "bench/options.hpp"
#include "bench/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>

namespace corohub::bench {

// What one window of time has seen.
struct Measured {
  double seconds = 0;
  std::uint64_t events = 0;
  std::uint64_t complete = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t bytes = 0;  // of delivered texts
  std::uint64_t reads = 0;  // that brought a delivery
  std::int64_t cpu = 0;     // of the server, until the last receipt; nanoseconds
  std::int64_t user = 0;
  std::int64_t own_cpu = 0;
  std::int64_t machine = 0;  // of everybody on the machine
  Histogram receipt;         // of every delivery
  Histogram last;            // of the last delivery of each event
  Histogram lateness;        // behind the schedule of --rate
};

// The longest that a run lasts whose end is that of standard input.
inline constexpr double until_input_ends_max = 600;

class Load {
 public:
  explicit Load(const Options& options);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  // Everything connected, or the program ends.
  void connect_clients();
  void connect_senders();
  // Sends one event, to learn what the server adds to it, and fills up to --text-bytes from then on.
  void calibrate();
  // Warms up, then measures.
  void run();
  // Only reads (and answers pings).
  void wait(double seconds);
  // From now on run() and wait() also end with standard input.
  void end_with_input();

  const Measured& measured() const { return measured_; }
  std::size_t open_clients() const { return open_clients_; }
  std::uint64_t refusals() const { return refusals_; }
  std::uint64_t unavailable() const { return unavailable_; }  // refusals with 503
  std::uint64_t reconnected() const { return reconnected_; }

 private:
  enum class State : std::uint8_t { connecting, greeting, open, closed };

  struct Connection {
    int fd = -1;
    State state = State::connecting;
    bool sender = false;
    bool plain_http = false;
    bool stream = false;   // a request whose answer brings the events, asked again when it ends
    bool poll = false;     // one whose answer is some events
    bool greeted = false;  // a stream that goes on with another answer; a client that has introduced itself
    bool waiting = false;  // a request is not answered yet
    bool writable_wanted = false;
    std::string input{};  // an incomplete rest
    std::string output{};
    std::uint32_t request_event = 0;
  };

  struct Event {
    std::int64_t sent = 0;
    std::uint32_t missing = 0;
    bool counted = false;
  };

  void connect_all(std::size_t first, std::size_t count);
  void connect_speaker();
  void begin_connection(std::size_t index);
  void say_own(std::size_t index, std::string text);
  std::string upgrade_request(const Connection& connection, std::size_t index) const;
  std::string post(const std::string& target, std::size_t index, std::string_view body) const;
  std::string stream_request(std::size_t index) const;
  std::string get(std::size_t index) const;
  std::string mark_of(std::size_t event) const;
  std::string fill_in(std::string& request, std::size_t index) const;
  void turn(std::int64_t until);
  void handle(const epoll_event& ready);
  void read_from(std::size_t index);
  std::size_t consume(std::size_t index, std::string_view bytes);
  std::size_t consume_answer(std::size_t index, std::string_view bytes);
  std::size_t consume_frame(std::size_t index, std::string_view bytes);
  std::size_t consume_chunk(std::size_t index, std::string_view bytes);
  std::size_t consume_poll(std::size_t index, std::string_view bytes);
  void upgraded(std::size_t index);
  void opened(std::size_t index);
  void say(std::size_t index, std::string_view text);
  void text_came(std::size_t index, std::string_view text);
  void answer_came(std::string_view text);
  void delivered(std::uint32_t event, std::size_t bytes);
  void write_to(std::size_t index);
  void lost(std::size_t index);
  bool drive_once();
  Connection* free_sender();
  void send_event(Connection& sender);
  void drive_for(double seconds);
  void drain(double seconds);

  const Options& options_;
  const int epoll_;
  std::vector<Connection>
      connections_;  // clients, then senders, then the one that says what streams have to say
  std::vector<char> buffer_;
  std::size_t connecting_ = 0;
  std::size_t open_clients_ = 0;

  std::vector<Event> events_;
  std::size_t under_way_ = 0;
  std::size_t next_sender_ = 0;
  std::int64_t next_due_ = 0;
  std::size_t pad_ = 0;
  std::size_t text_size_ = 0;  // of the text that came last
  bool counting_ = false;
  std::uint64_t refusals_ = 0;
  std::uint64_t unavailable_ = 0;
  std::uint64_t reconnected_ = 0;
  bool input_ended_ = false;
  std::int64_t read_at_ = 0;
  Measured measured_{};
};

}  // namespace corohub::bench
