#include "gateway/stomp/tasks.hpp"

#include "core/clock.hpp"
#include "core/json.hpp"
#include "gateway/session/event_query.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::stomp {
namespace {

// The members of a body, read one by one; the first complaint counts.
class Members {
 public:
  explicit Members(const json::object& body) noexcept : body_(body) {}

  std::string topic() {
    const json::value* value = find("topic");
    if (value == nullptr || !value->is_string()) return complain("The body needs a topic.");
    const std::string_view name = value->get_string();
    if (!hub::is_topic(name)) return complain("That is no name of a topic.", "invalid_topic");
    return std::string(name);
  }
  std::string token() {
    const json::value* value = find("token");
    if (value == nullptr || !value->is_string()) return complain("The body needs a token.");
    return std::string(value->get_string());
  }
  bool typing() {
    const json::value* value = find("typing");
    if (value != nullptr && value->is_bool()) return value->get_bool();
    complain("The body needs typing, true or false.");
    return false;
  }
  std::optional<Position> since() {
    const json::value* value = find("since");
    if (value == nullptr) return std::nullopt;
    const std::int64_t* number = value->if_int64();
    Result<Position> position = number != nullptr
                                    ? parse_position(std::to_string(*number))
                                    : parse_position(value->is_string() ? value->get_string() : "");
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

  // What was read, unless something is wrong with it.
  Command result(Command command) && { return refusal_ ? Command(std::move(*refusal_)) : std::move(command); }

 private:
  const json::value* find(std::string_view key) const noexcept {
    const json::value* value = body_.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::string complain(std::string message, std::string_view code = "invalid_message") {
    if (!refusal_) refusal_ = Refusal{code, std::move(message)};
    return {};
  }

  const json::object& body_;
  std::optional<Refusal> refusal_;
};

// ---- the tasks. What is between braces is read from left to right. ----

Command read_ping(Members) { return Ping{}; }

Command read_refresh(Members members) {
  AuthRefresh asked{members.token()};
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

struct Task {
  std::string_view name;
  Command (*read)(Members);
};
constexpr std::array tasks = {
    Task{"ping", read_ping},     Task{"auth.refresh", read_refresh}, Task{"presence", read_presence},
    Task{"typing", read_typing}, Task{"history", read_history},
};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Command read_task(std::string_view name, std::string_view body) {
  const auto task = std::ranges::find(tasks, name, &Task::name);
  if (task == tasks.end()) return Refusal{"unknown_type", "There is no such destination below /app."};
  const Result<json::value> value = parse_json(body.empty() ? "{}" : body);
  if (!value) return refusal_of(value.error());
  if (!value->is_object()) return Refusal{"invalid_message", "The body is a JSON object."};
  return task->read(Members(value->get_object()));
}

std::string answer_text(const Outcome& outcome) {
  return std::visit(
      Overloaded{
          [](const Pong& pong) { return json::serialize(json::object{{"seq", pong.seq}}); },
          [](const Authenticated& login) {
            return json::serialize(json::object{{"token_expires_at", rfc3339(login.token_expires_at)}});
          },
          [](const TypingNoted& noted) {
            return json::serialize(json::object{{"topic", noted.topic}, {"typing", noted.typing}});
          },
          [](const JsonText& text) { return text.text; },
          [](const auto& /*of no task*/) { return std::string("{}"); },
      },
      outcome);
}

}  // namespace corohub::gateway::stomp
