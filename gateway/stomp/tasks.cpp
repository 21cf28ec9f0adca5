#include "gateway/stomp/tasks.hpp"

#include "core/clock.hpp"
#include "core/json.hpp"
#include "gateway/session/command_members.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::stomp {
namespace {

// ---- the tasks ----

Command read_ping(CommandMembers) { return Ping{}; }

Command read_refresh(CommandMembers members) {
  AuthRefresh asked{members.token("The body needs a token.")};
  return std::move(members).result(std::move(asked));
}

struct Task {
  std::string_view name;
  Command (*read)(CommandMembers);
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
  return task->read(CommandMembers(&value->get_object(), "The body"));
}

std::string answer_text(const Outcome& outcome) {
  return std::visit(
      Overloaded{
          [](const Pong& pong) { return json::serialize(json::object{{"seq", pong.seq}}); },
          [](const Authenticated& login) {
            // A key may have no end.
            const UnixMs end = login.token_expires_at;
            return json::serialize(
                json::object{{"token_expires_at", end != 0 ? json::value(rfc3339(end)) : json::value()}});
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
