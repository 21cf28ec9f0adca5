#include "gateway/socketio/testkit.hpp"

#include "core/random.hpp"
#include "gateway/engineio/wraps.hpp"
#include "gateway/socketio/forms.hpp"
#include "gateway/socketio/packet.hpp"

#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

namespace corohub::gateway::socketio {
namespace {

constexpr std::string_view custom = "/custom";

// A test that awaits one message and then the next loses the second of two that arrive together. Short beside
// its time for a pong of 200 ms, in which it may begin to wait for the end.
constexpr std::chrono::milliseconds apart{15};

class Echo final : public Occupant {
 public:
  Echo(engineio::Link& link, std::string_view name_space) noexcept : link_(link), name_space_(name_space) {}

  void begin(std::string_view auth) {
    say(PacketType::connect, {}, R"({"sid":")" + random_token(15) + R"("})");
    auth_ = std::make_shared<Auth>(link_.place().context, R"(["auth",)" + std::string(auth) + "]");
    auth_->timer.async_wait([this, auth = std::weak_ptr<Auth>(auth_)](const boost::system::error_code&) {
      if (!auth.expired()) say_auth();
    });
  }

  std::string_view name_space() const noexcept override { return name_space_; }
  bool has_ended() const noexcept override { return has_ended_; }
  void on_left() noexcept override {
    has_ended_ = true;
    auth_.reset();
  }

  void hear(Call&& call) override {
    say_auth();
    const bool binary = !call.attachments.empty();
    const std::string arguments(call.all_text);
    if (call.name == "message") {
      const std::string back = R"(["message-back")" + (arguments.empty() ? "" : "," + arguments) + "]";
      say(binary ? PacketType::binary_event : PacketType::event, {}, back, call.attachments);
    } else if (call.name == "message-with-ack" && call.ack) {
      say(binary ? PacketType::binary_ack : PacketType::ack, call.ack, "[" + arguments + "]",
          call.attachments);
    }
  }

  void refuse(const AckId&, const Refusal&) override { link_.close(CloseReason::protocol_error, Drain::yes); }

 private:
  // What CONNECT said, until it is said back.
  struct Auth {
    Auth(asio::io_context& context, std::string the_payload)
        : timer(context, apart), payload(std::move(the_payload)) {}

    asio::steady_timer timer;
    std::string payload;
  };

  void say_auth() noexcept {
    const std::shared_ptr<Auth> auth = std::move(auth_);
    if (auth == nullptr) return;
    try {
      say(PacketType::event, {}, auth->payload);
    } catch (const std::bad_alloc&) {
      link_.close(CloseReason::overloaded, Drain::no);
    }
  }

  void say(PacketType type, const AckId& ack, std::string_view payload,
           const std::vector<std::string>& buffers = {}) {
    std::string packet = packet_head(type, name_space_, buffers.size());
    if (ack) packet += std::to_string(*ack);
    packet += payload;
    const std::vector<std::string_view> views(buffers.begin(), buffers.end());
    const hub::FrameRef frame =
        engineio::frame_of(link_.wrap(), packet, views, hub::Audience::one_connection());
    if (link_.own_outbox().push(frame) == hub::Push::full)
      return link_.close(CloseReason::slow_consumer, Drain::no);
    link_.flush();
  }

  engineio::Link& link_;
  const std::string_view name_space_;  // one of the fixture's
  std::shared_ptr<Auth> auth_;         // null: it was said
  bool has_ended_ = false;
};

class EchoNamespaces final : public Fixture {
 public:
  bool has(std::string_view name_space) const noexcept override {
    return name_space == root || name_space == custom;
  }
  std::unique_ptr<Occupant> seat(engineio::Link& link, std::string_view name_space,
                                 std::string_view auth) const override {
    auto echo = std::make_unique<Echo>(link, name_space == root ? root : custom);
    echo->begin(auth);
    return echo;
  }
};

}  // namespace

std::unique_ptr<const Fixture> echo_namespaces() { return std::make_unique<EchoNamespaces>(); }

}  // namespace corohub::gateway::socketio
