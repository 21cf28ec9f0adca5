#include "gateway/stomp/destinations.hpp"

#include "hub/topic_rules.hpp"

namespace corohub::gateway::stomp {

Destination parse_destination(std::string_view text) noexcept {
  using Kind = Destination::Kind;
  constexpr std::string_view topics = "/topic/";
  constexpr std::string_view tasks = "/app/";
  if (text == "/topic/system") return {Kind::system, hub::server_status_topic};
  if (text == "/user/queue/messages") return {Kind::messages};
  if (text == "/user/queue/subscription") return {Kind::answers};
  if (text.starts_with(topics)) {
    const std::string_view topic = text.substr(topics.size());
    // Whoever asks for flags under a name that is none is told the same as for one that is not there.
    const bool asks_for_flags = topic.starts_with("flags/");
    return hub::is_topic(topic) || asks_for_flags ? Destination{Kind::topic, topic} : Destination{};
  }
  if (text.starts_with(tasks) && text.size() > tasks.size()) return {Kind::app, text.substr(tasks.size())};
  return {};
}

}  // namespace corohub::gateway::stomp
