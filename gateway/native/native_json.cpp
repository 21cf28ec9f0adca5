#include "gateway/native/native_json.hpp"

#include "gateway/session/command_members.hpp"
#include "gateway/session/raw_json.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::native_json {
namespace {

constexpr std::size_t id_bytes_max = 64;
const RequestId no_id = "null";

// `text` is the value's own.
bool is_good_id(const json::value& id, std::string_view text) noexcept {
  if (id.is_string()) return !id.get_string().empty() && id.get_string().size() <= id_bytes_max;
  return (id.is_int64() || id.is_uint64()) && text.size() <= id_bytes_max;
}

Refusal invalid(std::string message) { return {"invalid_message", std::move(message)}; }

// ---- the members of a message's data: read one by one, the first complaint counts ----

class Members : public CommandMembers {
 public:
  // `text` is the whole message.
  Members(const json::object* data, std::string_view text) noexcept
      : CommandMembers(data, "data"), text_(text) {}

  std::string event_type() {
    const json::value* value = find("type");
    if (value == nullptr) return "message";
    if (value->is_string() && hub::is_event_type(value->get_string()))
      return std::string(value->get_string());
    return complain("type is 1 to 64 of letters, digits and ._:-");
  }

  // As it stands in the text: a parser would round numbers it cannot hold.
  std::string raw_data() {
    if (object() == nullptr || !object()->contains("data")) return complain("data needs data.");
    return raw_member(*member_text(text_, "data"), "data").value_or("null");
  }

  std::string flag_place(std::string_view member) {
    const json::value* value = find(member);
    if (value == nullptr) return {};
    if (value->is_string() && !value->get_string().empty()) return std::string(value->get_string());
    return complain(std::string(member) + " is the key of one.");
  }

  json::object flag_context() {
    const json::value* value = find("context");
    if (value == nullptr) return {};
    if (value->is_object()) return value->get_object();
    complain("context is an object.", "invalid_context");
    return {};
  }

  std::optional<std::vector<std::string>> flag_keys() {
    const json::value* value = find("keys");
    if (value == nullptr) return std::nullopt;
    const json::array* list = value->if_array();
    const auto is_text = [](const json::value& one) { return one.is_string(); };
    if (list == nullptr || list->size() > watch_keys_max || !std::ranges::all_of(*list, is_text)) {
      complain("keys is a list of at most 2000 texts.");
      return std::nullopt;
    }
    std::vector<std::string> keys;
    for (const json::value& one : *list) keys.emplace_back(one.get_string());
    return keys;
  }

  std::string idempotency_key() {
    const json::value* value = find("idempotency_key");
    if (value == nullptr) return {};
    if (value->is_string() && is_idempotency_key(value->get_string()))
      return std::string(value->get_string());
    return complain("idempotency_key is 1 to 128 printable characters of ASCII.");
  }

 private:
  std::string_view text_;
};

// ---- the commands. What is between braces is read from left to right. ----

Command read_ping(Members) { return Ping{}; }

Command read_refresh(Members members) {
  AuthRefresh asked{members.token("auth.refresh needs data with a token.")};
  return std::move(members).result(std::move(asked));
}

Command read_subscribe(Members members) {
  Subscribe asked{.topic = members.topic(), .since = members.since()};
  return std::move(members).result(std::move(asked));
}

Command read_watch(Members members) {
  WatchFlags asked{members.flag_place("namespace"), members.flag_place("environment"), members.flag_context(),
                   members.flag_keys()};
  return std::move(members).result(std::move(asked));
}

Command read_unwatch(Members) { return UnwatchFlags{}; }

Command read_unsubscribe(Members members) {
  Unsubscribe asked{.topic = members.topic(), .label = 0};
  return std::move(members).result(std::move(asked));
}

Command read_publish(Members members) {
  Publish asked{.topic = members.topic(),
                .type = members.event_type(),
                .data = members.raw_data(),
                .idempotency_key = members.idempotency_key()};
  return std::move(members).result(std::move(asked));
}

struct Word {
  std::string_view type;
  Command (*read)(Members);
};
constexpr std::array words = {
    Word{"subscribe", read_subscribe}, Word{"unsubscribe", read_unsubscribe},
    Word{"publish", read_publish},     Word{"ping", read_ping},
    Word{"typing", read_typing},       Word{"presence", read_presence},
    Word{"history", read_history},     Word{"auth.refresh", read_refresh},
    Word{"flag.watch", read_watch},    Word{"flag.unwatch", read_unwatch},
};

Command parse_command(const json::object& message, std::string_view text) {
  const json::value* type = message.if_contains("type");
  if (type == nullptr || !type->is_string()) return invalid("A message needs a type.");
  const std::string_view asked = type->get_string();
  const auto word = std::ranges::find(words, asked, &Word::type);
  if (word == words.end()) return Refusal{"unknown_type", "There is no such message type."};
  const json::value* data = message.if_contains("data");
  return word->read(Members(data == nullptr ? nullptr : data->if_object(), text));
}

}  // namespace

Message parse(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  const json::object* message = value ? value->if_object() : nullptr;
  if (message == nullptr) return {no_id, invalid("A message is a JSON object.")};
  const json::value* id = message->if_contains("id");
  if (id == nullptr) return {no_id, parse_command(*message, text)};
  const std::string_view given = member_text(text, "id").value_or("null");
  if (!is_good_id(*id, given)) return {no_id, invalid("An id is a string of 1 to 64 bytes or an integer.")};
  return {RequestId(given), parse_command(*message, text)};
}

std::string error_text(const RequestId& id, const Refusal& refusal) {
  const json::value data{{"code", refusal.code}, {"message", refusal.message}};
  std::string text = R"({"type":"error","id":)";
  text.append(id).append(R"(,"data":)").append(json::serialize(data)).append("}");
  return text;
}

std::string reply_text(const RequestId& id, std::string_view data) {
  std::string text = R"({"type":"reply","id":)";
  text.reserve(data.size() + 64);
  text.append(id).append(R"(,"ok":true,"data":)").append(data).append("}");
  return text;
}

}  // namespace corohub::gateway::native_json
