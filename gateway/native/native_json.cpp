#include "gateway/native/native_json.hpp"

#include "gateway/session/event_query.hpp"
#include "gateway/session/raw_json.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

class Members {
 public:
  // `text` is the whole message.
  Members(const json::object* data, std::string_view text) noexcept : data_(data), text_(text) {}

  std::string topic() {
    const json::value* value = find("topic");
    if (value == nullptr || !value->is_string()) return complain("data needs a topic.");
    const std::string_view name = value->get_string();
    if (!hub::is_topic(name)) return complain("That is no name of a topic.", "invalid_topic");
    return std::string(name);
  }

  std::optional<Position> since() {
    const json::value* value = find("since");
    if (value == nullptr) return std::nullopt;
    if (const std::int64_t* seq = value->if_int64(); seq != nullptr && *seq >= 0)
      return Position{.epoch = {}, .seq = *seq};
    Result<Position> position = parse_position(value->is_string() ? value->get_string() : "");
    if (position) return std::move(*position);
    complain(position.error().detail, name(position.error().code));
    return std::nullopt;
  }

  std::size_t limit() {
    const json::value* value = find("limit");
    if (value == nullptr) return page_limit_default;
    const std::int64_t* number = value->if_int64();
    if (number != nullptr && *number >= 1 && *number <= static_cast<std::int64_t>(page_limit_max))
      return static_cast<std::size_t>(*number);
    complain("limit is an integer from 1 to 300.");
    return 0;
  }

  std::string event_type() {
    const json::value* value = find("type");
    if (value == nullptr) return "message";
    if (value->is_string() && hub::is_event_type(value->get_string()))
      return std::string(value->get_string());
    return complain("type is 1 to 64 of letters, digits and ._:-");
  }

  // As it stands in the text: a parser would round numbers it cannot hold.
  std::string raw_data() {
    if (data_ == nullptr || !data_->contains("data")) return complain("data needs data.");
    return raw_member(*member_text(text_, "data"), "data").value_or("null");
  }

  std::string idempotency_key() {
    const json::value* value = find("idempotency_key");
    if (value == nullptr) return {};
    if (value->is_string() && is_idempotency_key(value->get_string()))
      return std::string(value->get_string());
    return complain("idempotency_key is 1 to 128 printable characters of ASCII.");
  }

  bool typing() {
    const json::value* value = find("typing");
    if (value != nullptr && value->is_bool()) return value->get_bool();
    complain("data needs typing, true or false.");
    return false;
  }

  std::string token() {
    const json::value* value = find("token");
    if (value == nullptr || !value->is_string()) return complain("auth.refresh needs data with a token.");
    return std::string(value->get_string());
  }

  // What was read, unless something is wrong with it.
  template <class Asked>
  Command result(Asked&& asked) && {
    if (refusal_) return std::move(*refusal_);
    return std::forward<Asked>(asked);
  }

 private:
  const json::value* find(std::string_view key) const noexcept {
    const json::value* value = data_ == nullptr ? nullptr : data_->if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::string complain(std::string message, std::string_view code = "invalid_message") {
    if (!refusal_) refusal_ = Refusal{code, std::move(message)};
    return {};
  }

  const json::object* data_;
  std::string_view text_;
  std::optional<Refusal> refusal_;
};

// ---- the commands. What is between braces is read from left to right. ----

Command read_ping(Members) { return Ping{}; }

Command read_refresh(Members members) {
  AuthRefresh asked{members.token()};
  return std::move(members).result(std::move(asked));
}

Command read_subscribe(Members members) {
  Subscribe asked{.topic = members.topic(), .since = members.since()};
  return std::move(members).result(std::move(asked));
}

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

Command read_presence(Members members) {
  PresenceQuery asked{members.topic()};
  return std::move(members).result(std::move(asked));
}

Command read_typing(Members members) {
  SetTyping asked{members.topic(), members.typing()};
  return std::move(members).result(std::move(asked));
}

Command read_history(Members members) {
  HistoryQuery asked{members.topic(), members.since(), members.limit()};
  return std::move(members).result(std::move(asked));
}

struct Word {
  std::string_view type;
  Command (*read)(Members);
};
constexpr std::array words = {
    Word{"subscribe", read_subscribe}, Word{"unsubscribe", read_unsubscribe}, Word{"publish", read_publish},
    Word{"ping", read_ping},           Word{"typing", read_typing},           Word{"presence", read_presence},
    Word{"history", read_history},     Word{"auth.refresh", read_refresh},
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

std::string reply_text(const RequestId& id, const json::value& data) {
  return raw_reply_text(id, json::serialize(data));
}

std::string raw_reply_text(const RequestId& id, std::string_view data) {
  std::string text = R"({"type":"reply","id":)";
  text.reserve(data.size() + 64);
  text.append(id).append(R"(,"ok":true,"data":)").append(data).append("}");
  return text;
}

}  // namespace corohub::gateway::native_json
