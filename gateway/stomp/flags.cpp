#include "gateway/stomp/flags.hpp"

#include "core/json.hpp"
#include "core/rfc3339.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/stomp/destinations.hpp"
#include "hub/topic_rules.hpp"

#include <utility>

namespace corohub::gateway::stomp {
namespace {

constexpr std::string_view root = "flags/";

// When it was changed elsewhere, if the event says so, and the commit's time otherwise.
UnixMs time_of(const hub::Event& event) {
  std::string_view text = member_text(event.data(), "occurred_at").value_or("");
  if (text.size() < 2 || text.front() != '"') return event.time();
  text.remove_prefix(1);
  text.remove_suffix(1);
  return parse_rfc3339(text).value_or(event.time());
}

}  // namespace

std::optional<std::string> flag_update_text(const hub::Event& event) {
  if (!event.topic().starts_with(root) || !event.type().starts_with("flag.")) return std::nullopt;
  const auto member = [&event](std::string_view name) {
    return member_text(event.data(), name).value_or("null");
  };
  std::string text = R"({"type":"flag_update","namespace":)";
  text.append(member("namespace"));
  text.append(R"(,"flagKey":)").append(member("flag_key"));
  text.append(R"(,"action":)").append(member("action"));
  text.append(R"(,"enabled":)").append(member("enabled"));
  text.append(R"(,"timestamp":)").append(std::to_string(time_of(event))).append("}");
  return text;
}

std::string flag_updates_of(std::string_view topic) {
  std::string text = "flag updates";
  if (topic.starts_with(root)) text.append(" for namespace: ").append(topic.substr(root.size()));
  return text;
}

Understood<std::string> read_flag_topic(std::string_view body) {
  const Result<json::value> value = parse_json(body.empty() ? "{}" : body);
  if (!value) return refusal_of(value.error());
  const json::object* members = value->if_object();
  if (members == nullptr) return Refusal{"invalid_message", "The body is a JSON object."};
  std::string topic = "flags";
  const auto given = [members](std::string_view name) {
    const json::value* member = members->if_contains(name);
    return member != nullptr && !member->is_null();
  };
  if (given("environment") && !given("namespace")) return invalid_namespace();
  for (const std::string_view name : {"namespace", "environment"}) {
    const json::value* member = members->if_contains(name);
    if (member == nullptr || member->is_null()) continue;
    if (!member->is_string()) return invalid_namespace();
    topic.append("/").append(std::string_view(member->get_string()));
  }
  if (!hub::is_topic(topic)) return invalid_namespace();
  return Understood<std::string>(boost::system::in_place_value, std::move(topic));
}

}  // namespace corohub::gateway::stomp
