#include "gateway/session/json_commands.hpp"

#include "gateway/session/command_members.hpp"
#include "gateway/session/raw_json.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway {
namespace {

// ---- the members of a message's data: read one by one, the first complaint counts ----

class Members : public CommandMembers {
 public:
  explicit Members(const JsonArguments& arguments) noexcept
      : CommandMembers(arguments.object, "data"), text_(arguments.text), member_(arguments.member) {}

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
    const std::string_view own = member_.empty() ? text_ : *member_text(text_, member_);
    return raw_member(own, "data").value_or("null");
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
  std::string_view member_;
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

}  // namespace

std::optional<Command> read_command(std::string_view type, const JsonArguments& arguments) {
  const auto word = std::ranges::find(words, type, &Word::type);
  if (word == words.end()) return std::nullopt;
  return word->read(Members(arguments));
}

}  // namespace corohub::gateway
