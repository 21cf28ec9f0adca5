#include "gateway/stomp/destinations.hpp"

#include "hub/topic_rules.hpp"

namespace corohub::gateway::stomp {

Destination parse_destination(std::string_view text) noexcept {
  using Kind = Destination::Kind;
  constexpr std::string_view topics = "/topic/";
  constexpr std::string_view tasks = "/app/";
  if (text == "/topic/system") return {Kind::system};
  if (text == "/user/queue/messages") return {Kind::messages};
  if (text == "/user/queue/subscription") return {Kind::answers};
  if (text.starts_with(topics)) {
    const std::string_view topic = text.substr(topics.size());
    return hub::is_topic(topic) ? Destination{Kind::topic, topic} : Destination{};
  }
  if (text.starts_with(tasks) && text.size() > tasks.size()) return {Kind::app, text.substr(tasks.size())};
  return {};
}

}  // namespace corohub::gateway::stomp
