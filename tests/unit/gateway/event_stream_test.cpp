// One event stream on a clock that stands still.
#include "gateway/wire/event_stream.hpp"

#include "gateway/native/forms.hpp"
#include "support/manual_clock.hpp"

#include <array>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Listener final : public TransportListener {
 public:
  void on_open(Transport& opened) override { transport = &opened; }
  void on_message(MessageKind, std::string_view) override {}
  void on_throttled() override {}
  void on_low_water() override { ++low_waters; }
  void on_closed(CloseReason reason) noexcept override {
    closed = reason;
    transport = nullptr;
  }

  std::string position_text() const override { return position; }
  std::string farewell(CloseReason reason) override { return "data: " + std::string(name(reason)) + "\n\n"; }

  std::string position;
  hub::OutboxLimits limits;
  hub::Outbox outbox{limits};
  Transport* transport = nullptr;
  int low_waters = 0;
  std::optional<CloseReason> closed;
};

class EventStreamTest : public testing::Test {
 protected:
  explicit EventStreamTest(bool chunked = true, std::chrono::milliseconds comment_interval = 20s) {
    settings_.comment_interval = comment_interval;
    asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
    acceptor.set_option(asio::socket_base::send_buffer_size(4096));
    acceptor.set_option(asio::ip::tcp::no_delay(true));  // as the listener's
    client_.open(asio::ip::tcp::v4());
    client_.set_option(asio::socket_base::receive_buffer_size(4096));
    client_.connect(acceptor.local_endpoint());
    client_.non_blocking(true);
    Socket socket(context_);
    acceptor.accept(socket);
    socket.non_blocking(true);
    start_event_stream({.socket = std::move(socket), .head = "HEAD\r\n\r\n", .chunked = chunked},
                       {settings_, wheel_, clock_}, listener_->outbox, listener_);
  }
  ~EventStreamTest() override {
    if (listener_->transport != nullptr) listener_->transport->abort();
    turn();
  }

  void turn() {
    for (int i = 0; i < 20; ++i) {
      context_.restart();
      context_.poll();
      if (reading_) read();
    }
  }
  void read() {
    std::array<char, 4096> bytes;
    boost::system::error_code error;
    const std::size_t size = client_.read_some(asio::buffer(bytes), error);
    received_.append(bytes.data(), size);
    end_of_file_ = end_of_file_ || error == asio::error::eof;
  }
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += Wheel::tick) {
      clock_.advance(Wheel::tick);
      wheel_.advance(clock_.steady());
      context_.restart();
      context_.poll();
    }
    turn();
  }
  void push(std::string_view text) {
    listener_->outbox.push(
        native::personal_frame(listener_->transport->wrap(), text, {}, hub::Audience::one_connection()));
    if (listener_->transport != nullptr) listener_->transport->flush();
  }

  asio::io_context context_{1};
  corohub::test::ManualClock clock_;
  Wheel wheel_{clock_.steady()};
  EventStreamSettings settings_;
  std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  asio::ip::tcp::socket client_{context_};
  std::string received_;
  bool reading_ = true;
  bool end_of_file_ = false;
};

TEST_F(EventStreamTest, begins_with_its_head_and_when_to_come_back) {
  push("1");
  turn();
  EXPECT_THAT(received_, StartsWith("HEAD\r\n\r\nc\r\nretry: "));
  EXPECT_THAT(received_, EndsWith("\r\n9\r\ndata: 1\n\n\r\n"));
}

class OftenCommentingStreamTest : public EventStreamTest {
 protected:
  OftenCommentingStreamTest() : EventStreamTest(/*chunked=*/true, 5s) {}
};

// So that a client that hears of nothing for long can come back without a gap.
TEST_F(OftenCommentingStreamTest, T62_a_comment_says_where_the_client_is_if_nothing_waits_for_it) {
  listener_->position = "epoch-1:7";
  pass(5s + 200ms);
  EXPECT_THAT(received_, HasSubstr("\r\n:\nid: epoch-1:7\n\n\r\n"));
  reading_ = false;
  while (listener_->outbox.empty()) push(std::string(60'000, 'x'));
  listener_->position = "epoch-1:8";
  received_.clear();
  pass(9s);  // less than a client has that takes nothing
  reading_ = true;
  for (int i = 0; i < 40; ++i) turn();
  EXPECT_THAT(received_, HasSubstr("\r\n:\n\n\r\n"));
  EXPECT_THAT(received_, testing::Not(HasSubstr("id: epoch-1:8"))) << "more waited when it was written";
  pass(5s);
  EXPECT_THAT(received_, HasSubstr("id: epoch-1:8"));
}

TEST_F(EventStreamTest, T63_says_something_every_twenty_seconds) {
  pass(20s + 200ms);
  EXPECT_THAT(received_, HasSubstr("3\r\n:\n\n\r\n"));
  received_.clear();
  pass(60s);
  EXPECT_EQ(received_, "3\r\n:\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n");
}

TEST_F(EventStreamTest, why_it_ends_is_its_last_event_behind_what_waited) {
  push("1");
  listener_->transport->close(CloseReason::kicked, Drain::yes);
  turn();
  EXPECT_THAT(received_, HasSubstr("data: 1\n\n"));
  EXPECT_THAT(received_, HasSubstr("data: kicked\n\n"));
  EXPECT_THAT(received_, EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(end_of_file_);
  EXPECT_FALSE(listener_->closed);  // the client has a second to end, too
  client_.close();
  turn();
  EXPECT_EQ(listener_->closed, CloseReason::kicked);
}

TEST_F(EventStreamTest, a_client_that_does_not_end_is_ended) {
  listener_->transport->close(CloseReason::draining, Drain::yes);
  pass(1s + 200ms);
  EXPECT_EQ(listener_->closed, CloseReason::draining);
}

TEST_F(EventStreamTest, T60_a_client_that_takes_nothing_is_slow) {
  reading_ = false;
  const std::string large = "\"" + std::string(200'000, 'x') + "\"";
  for (int i = 0; i < 5; ++i) push(large);
  pass(9s);
  EXPECT_FALSE(listener_->outbox.closed());
  pass(1s + 200ms);
  EXPECT_TRUE(listener_->outbox.closed());
  pass(2s + 200ms);
  EXPECT_EQ(listener_->closed, CloseReason::slow_consumer);
}

TEST_F(EventStreamTest, tells_when_a_full_socket_has_taken_all) {
  const std::string large = "\"" + std::string(200'000, 'x') + "\"";
  for (int i = 0; i < 5; ++i) push(large);
  for (int i = 0; i < 1000 && listener_->low_waters == 0; ++i) turn();
  EXPECT_EQ(listener_->low_waters, 1);
  EXPECT_TRUE(listener_->outbox.empty());
}

TEST_F(EventStreamTest, T60_a_slow_client_that_reads_on_gets_all_however_long_it_takes) {
  reading_ = false;
  const std::string large = "\"" + std::string(200'000, 'x') + "\"";
  for (int i = 0; i < 5; ++i) push(large);
  std::size_t rounds = 0;
  while (!listener_->outbox.empty()) {
    ASSERT_FALSE(listener_->closed) << received_.size() << " bytes in " << rounds * 5 << " s";
    for (const std::size_t before = received_.size(); received_.size() < before + 50'000;) {
      read();
      context_.restart();
      context_.poll();
      if (listener_->outbox.empty()) break;
    }
    pass(settings_.timeouts.write / 2);
    ++rounds;
  }
  EXPECT_GT(rounds, 2U) << "longer than one deadline";
}

// For HTTP/1.0, which has no chunks.
class BareEventStreamTest : public EventStreamTest {
 protected:
  BareEventStreamTest() : EventStreamTest(/*chunked=*/false) {}
};

TEST_F(BareEventStreamTest, is_the_same_without_chunks) {
  push("1");
  pass(20s + 200ms);
  listener_->transport->close(CloseReason::kicked, Drain::yes);
  turn();
  EXPECT_THAT(received_, StartsWith("HEAD\r\n\r\nretry: "));
  // The first comment comes at a random moment: there is room for one or two.
  EXPECT_THAT(received_, HasSubstr("\ndata: 1\n\n:\n\n"));
  EXPECT_THAT(received_, EndsWith("\n:\n\ndata: kicked\n\n"));
  EXPECT_TRUE(end_of_file_);
}

TEST_F(EventStreamTest, notices_the_clients_end) {
  client_.close();
  turn();
  EXPECT_EQ(listener_->closed, CloseReason::peer_gone);
}

TEST_F(EventStreamTest, T58_a_client_has_nothing_to_say) {
  const std::string chatter(8000, 'x');
  for (int i = 0; i < 10 && !listener_->closed; ++i) {
    boost::system::error_code ignored;
    client_.write_some(asio::buffer(chatter), ignored);
    turn();
  }
  EXPECT_TRUE(listener_->closed);
}

}  // namespace
}  // namespace corohub::gateway::test
