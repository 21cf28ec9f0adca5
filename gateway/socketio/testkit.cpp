#include "gateway/socketio/testkit.hpp"

#include "core/random.hpp"
#include "gateway/engineio/wraps.hpp"
#include "gateway/socketio/forms.hpp"
#include "gateway/socketio/packet.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::gateway::socketio {
namespace {

constexpr std::string_view custom = "/custom";

class Echo final : public Occupant {
 public:
  Echo(engineio::Link& link, std::string_view name_space) noexcept : link_(link), name_space_(name_space) {}

  void begin(std::string_view auth) {
    say(PacketType::connect, {}, R"({"sid":")" + random_token(15) + R"("})");
    say(PacketType::event, {}, R"(["auth",)" + std::string(auth) + "]");
  }

  std::string_view name_space() const noexcept override { return name_space_; }
  bool has_ended() const noexcept override { return has_ended_; }
  void on_left() noexcept override { has_ended_ = true; }

  void hear(Call&& call) override {
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

 private:
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
