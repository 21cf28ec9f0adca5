// What waits for a connection, control bytes and the end, through a socket that takes a bit at a time.
#include "gateway/wire/sender.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <poll.h>

namespace corohub::gateway::test {
namespace {

using tcp = asio::ip::tcp;

// A connection over loopback whose kernel buffers are small.
class Pipe {
 public:
  Pipe() {
    asio::basic_socket_acceptor<tcp, Executor> acceptor(context_.get_executor());
    acceptor.open(tcp::v4());
    acceptor.set_option(asio::socket_base::send_buffer_size(1));  // the least the kernel allows
    acceptor.bind({asio::ip::address_v4::loopback(), 0});
    acceptor.listen();
    client_.open(tcp::v4());
    client_.set_option(asio::socket_base::receive_buffer_size(1));
    client_.connect(acceptor.local_endpoint());
    acceptor.accept(server_);
    client_.non_blocking(true);
  }

  // What is there.
  void read(std::size_t bytes_max) {
    std::vector<char> bytes(bytes_max);
    boost::system::error_code error;
    const std::size_t size = client_.read_some(asio::buffer(bytes), error);
    received.append(bytes.data(), size);
  }

  // Waits for some of what is on its way.
  void read_more() {
    pollfd wanted{.fd = client_.native_handle(), .events = POLLIN, .revents = 0};
    ::poll(&wanted, 1, 5000);
    read(100'000);
  }

  Socket take_server() { return std::move(server_); }

  std::string received;

 private:
  asio::io_context context_{1};
  Socket client_{context_.get_executor()};
  Socket server_{context_.get_executor()};
};

// <number:aaa…>, in one frame or in two.
class Messages {
 public:
  explicit Messages(std::mt19937& random) : random_(random) {}

  void push_one(hub::Outbox& outbox) {
    const bool is_for_admins = random_() % 2 == 0;
    const hub::Audience audience = is_for_admins ? hub::Audience::admins() : hub::Audience::user(7);
    const std::size_t size = random_() % 4 == 0 ? 2500 + random_() % 3000 : random_() % 300;
    const std::string text = "<" + std::to_string(next_) + ":" + std::string(size, 'a') + ">";
    const std::size_t cut = 1 + random_() % (text.size() - 1);
    const hub::Push pushed =
        random_() % 2 == 0
            ? outbox.push(hub::Frame::make("", text, audience))
            : outbox.push(hub::Frame::make("", text.substr(0, cut), hub::Audience::one_connection(),
                                           hub::Frame::Next::is_joined),
                          hub::Frame::make("", text.substr(cut), audience));
    if (pushed == hub::Push::queued && !is_for_admins) due_.push_back(next_);
    ++next_;
  }

  // Whole messages, in order, with control in between, and the last bytes at the end. Nothing that was not
  // taken back is missing, unless the end dropped what waited.
  void check(std::string_view stream, int controls, bool all) const {
    std::vector<int> got;
    int controls_seen = 0;
    ASSERT_TRUE(stream.ends_with("[end]"));
    stream.remove_suffix(5);
    while (!stream.empty()) {
      if (stream.starts_with("{control}")) {
        ++controls_seen;
        stream.remove_prefix(9);
        continue;
      }
      const std::size_t colon = stream.find(':');
      const std::size_t end = stream.find_first_not_of('a', colon + 1);
      ASSERT_TRUE(stream.front() == '<' && end < stream.size() && stream[end] == '>') << stream.substr(0, 40);
      got.push_back(std::stoi(std::string(stream.substr(1, colon))));
      stream.remove_prefix(end + 1);
    }
    EXPECT_TRUE(std::ranges::is_sorted(got));
    EXPECT_EQ(std::ranges::adjacent_find(got), got.end());
    EXPECT_EQ(controls_seen, controls);
    if (all) EXPECT_TRUE(std::ranges::includes(got, due_));
  }

 private:
  std::mt19937& random_;
  int next_ = 0;
  std::vector<int> due_;  // of user 7
};

TEST(Sender, tears_nothing_whatever_is_pushed_taken_back_or_said_in_between) {
  const hub::OutboxLimits limits{64, 100'000};
  const hub::Identity user_seven{7, Role::user};
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Pipe pipe;
    hub::Outbox outbox(limits);
    Sender sender(pipe.take_server(), outbox);
    Messages messages(random);
    int controls = 0;
    for (int step = 0; step < 300; ++step) {
      const auto dice = random() % 100;
      if (dice < 40)
        messages.push_one(outbox);
      else if (dice < 50)
        controls += sender.add_control("{control}") ? 1 : 0;
      else if (dice < 53)
        outbox.discard_lost(user_seven);
      else if (dice < 75)
        ASSERT_NE(sender.flush(), Sender::Flushed::failed);
      else
        pipe.read(1 + random() % 4000);
    }
    const bool drains = random() % 2 == 0;
    sender.end("[end]", drains ? Drain::yes : Drain::no);
    for (;;) {
      ASSERT_NE(sender.flush(), Sender::Flushed::failed);
      if (pipe.received.ends_with("[end]")) break;
      pipe.read_more();
    }
    EXPECT_TRUE(sender.finished());
    messages.check(pipe.received, controls, drains);
    if (testing::Test::HasFailure()) return;
  }
}

// RFC 6455 allows a ping between the fragments of a message, but not every carrier's control is a
// WebSocket's.
TEST(Sender, control_waits_for_the_second_frame_of_a_message_that_was_begun) {
  const hub::OutboxLimits limits{64, 100'000};
  Pipe pipe;
  hub::Outbox outbox(limits);
  Sender sender(pipe.take_server(), outbox);
  outbox.push(hub::Frame::make("", "ab", hub::Audience::one_connection(), hub::Frame::Next::is_joined),
              hub::Frame::make("", "cd", hub::Audience::one_connection()));
  outbox.push(hub::Frame::make("", "ef", hub::Audience::one_connection()));
  outbox.consume(2);  // as if the kernel had taken the first frame
  sender.add_control("{control}");
  ASSERT_EQ(sender.flush(), Sender::Flushed::all);
  while (pipe.received.size() < 13) pipe.read_more();
  EXPECT_EQ(pipe.received, "cd{control}ef");
}

// Several outboxes, one after the other.
class Turns final : public OutboxQueue {
 public:
  hub::Outbox* next_outbox(const hub::Outbox& in_hand) noexcept override {
    const auto current = std::ranges::find(outboxes, &in_hand, &std::unique_ptr<hub::Outbox>::get);
    std::size_t place = static_cast<std::size_t>(current - outboxes.begin());
    for (std::size_t i = 0; i < outboxes.size(); ++i) {
      place = place + 1 < outboxes.size() ? place + 1 : 0;
      if (outboxes[place] && !outboxes[place]->empty()) return outboxes[place].get();
    }
    return nullptr;
  }

  std::vector<std::unique_ptr<hub::Outbox>> outboxes;
};

// <A3:aaa…>: the third message of outbox A, in one frame or in two.
void push_to(hub::Outbox& outbox, std::size_t number, int message, std::mt19937& random) {
  const std::size_t size = random() % 4 == 0 ? 2500 + random() % 3000 : random() % 300;
  const std::string text = std::string("<") + static_cast<char>('A' + number) + std::to_string(message) +
                           ":" + std::string(size, 'a') + ">";
  const std::size_t cut = 1 + random() % (text.size() - 1);
  const hub::Audience one = hub::Audience::one_connection();
  if (random() % 2 == 0)
    outbox.push(hub::Frame::make("", text, one));
  else
    outbox.push(hub::Frame::make("", text.substr(0, cut), one, hub::Frame::Next::is_joined),
                hub::Frame::make("", text.substr(cut), one));
}

// The messages of a stream by their outbox; nothing: one is torn.
std::optional<std::vector<std::vector<int>>> messages_of(std::string_view stream, std::size_t outboxes) {
  std::vector<std::vector<int>> all(outboxes);
  while (!stream.empty()) {
    if (stream.starts_with("{control}")) {
      stream.remove_prefix(9);
      continue;
    }
    const std::size_t colon = stream.find(':');
    const std::size_t end = stream.find_first_not_of('a', colon + 1);
    if (stream.front() != '<' || end >= stream.size() || stream[end] != '>') return std::nullopt;
    all.at(static_cast<std::size_t>(stream[1] - 'A'))
        .push_back(std::stoi(std::string(stream.substr(2, colon - 2))));
    stream.remove_prefix(end + 1);
  }
  return all;
}

TEST(Sender, empties_several_outboxes_in_turn_and_tears_nothing_when_one_leaves) {
  constexpr std::size_t outboxes = 4;
  const hub::OutboxLimits limits{1000, 1'000'000};
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Pipe pipe;
    hub::Outbox home(limits);
    Turns turns;
    for (std::size_t i = 0; i < outboxes; ++i)
      turns.outboxes.push_back(std::make_unique<hub::Outbox>(limits));
    Sender sender(pipe.take_server(), home);
    sender.take_turns(&turns);
    std::array<int, outboxes> pushed{};
    for (int step = 0; step < 200; ++step) {
      const auto dice = random() % 100;
      const std::size_t number = random() % outboxes;
      std::unique_ptr<hub::Outbox>& outbox = turns.outboxes[number];
      if (dice < 50 && outbox) {
        push_to(*outbox, number, pushed[number]++, random);
        sender.look_further();
      } else if (dice < 55) {
        sender.add_control("{control}");
      } else if (dice < 80) {
        ASSERT_NE(sender.flush(), Sender::Flushed::failed);
      } else if (dice == 99 && outbox) {
        sender.leave(*outbox, home);
        outbox.reset();
      } else {
        pipe.read(1 + random() % 4000);
      }
    }
    sender.end("[end]", Drain::yes);
    for (;;) {
      ASSERT_NE(sender.flush(), Sender::Flushed::failed);
      if (pipe.received.ends_with("[end]")) break;
      pipe.read_more();
    }
    EXPECT_TRUE(sender.finished());
    const auto got =
        messages_of(std::string_view(pipe.received).substr(0, pipe.received.size() - 5), outboxes);
    ASSERT_TRUE(got);
    for (std::size_t i = 0; i < outboxes; ++i) {
      const std::vector<int>& numbers = (*got)[i];
      for (std::size_t n = 0; n < numbers.size(); ++n) ASSERT_EQ(numbers[n], static_cast<int>(n));
      if (turns.outboxes[i]) EXPECT_EQ(numbers.size(), static_cast<std::size_t>(pushed[i]));
    }
  }
}

// However slow the socket is, and wherever in a message it stops.
TEST(Sender, an_outbox_that_is_refilled_all_the_time_keeps_no_other_waiting) {
  const hub::OutboxLimits limits{1000, 10'000'000};
  const hub::Audience one = hub::Audience::one_connection();
  Pipe pipe;
  hub::Outbox home(limits);
  Turns turns;
  for (int i = 0; i < 2; ++i) turns.outboxes.push_back(std::make_unique<hub::Outbox>(limits));
  hub::Outbox& busy = *turns.outboxes[0];
  hub::Outbox& other = *turns.outboxes[1];
  Sender sender(pipe.take_server(), home);
  sender.take_turns(&turns);
  int pushed = 0;
  const auto refill = [&] {
    while (busy.messages() < 50)
      busy.push(
          hub::Frame::make("", "<A" + std::to_string(pushed++) + ":" + std::string(5000, 'a') + ">", one));
    sender.look_further();
    ASSERT_NE(sender.flush(), Sender::Flushed::failed);
  };
  refill();
  other.push(hub::Frame::make("", "<B0:>", one));
  const int pushed_before = pushed;
  while (pushed < 500 && pipe.received.find("<B0:>") == std::string::npos) {
    refill();
    pipe.read_more();
  }
  const std::string before = pipe.received.substr(0, pipe.received.find("<B0:>"));
  EXPECT_LE(std::ranges::count(before, '<'), pushed_before);
  EXPECT_LT(pushed, 500);
}

// What is left of a message that was begun may be large, and does not say that a client does not read.
TEST(Sender, what_is_left_of_a_message_is_no_control) {
  const hub::OutboxLimits limits{64, 1'000'000};
  const std::string text(200'000, 'a');
  Pipe pipe;
  hub::Outbox home(limits);
  auto seat = std::make_unique<hub::Outbox>(limits);
  Turns turns;
  Sender sender(pipe.take_server(), home);
  sender.take_turns(&turns);
  turns.outboxes.push_back(std::move(seat));
  hub::Outbox& leaves = *turns.outboxes.front();
  leaves.push(hub::Frame::make("", text, hub::Audience::one_connection()));
  sender.look_further();
  ASSERT_EQ(sender.flush(), Sender::Flushed::some);
  sender.leave(leaves, home);
  turns.outboxes.clear();
  const std::string control(Sender::control_bytes_max, 'c');
  EXPECT_TRUE(sender.add_control(control));
  EXPECT_FALSE(sender.add_control("c"));
  while (pipe.received.size() < text.size() + control.size()) {
    pipe.read_more();
    ASSERT_NE(sender.flush(), Sender::Flushed::failed);
  }
  EXPECT_EQ(pipe.received, text + control);
  EXPECT_TRUE(sender.is_idle());
  EXPECT_TRUE(sender.add_control(control));
  EXPECT_FALSE(sender.add_control("c"));
}

}  // namespace
}  // namespace corohub::gateway::test
