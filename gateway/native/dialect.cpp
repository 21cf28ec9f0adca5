#include "gateway/native/dialect.hpp"

#include "core/json.hpp"
#include "gateway/native/forms.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/plain_json.hpp"
#include "gateway/session/session.hpp"

#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::native {
namespace {

// An event for this connection alone, with this JSON text; `position` is its id on an event stream.
void push_event(Session& session, NoticeEvent what, std::optional<Seq> position = {}) {
  if (session.transport() == nullptr) return;
  hub::EventDraft draft{std::string(what.type), std::move(what.data), hub::Audience::one_connection()};
  const hub::Event event(std::move(draft), 0, session.desk().shard.clock().unix_ms());
  const std::string id = position ? Position{session.desk().settings.epoch, *position}.text() : std::string();
  session.push_frame(personal_frame(session.transport()->wrap(), event.text(), id, event.audience()));
}

class NativeDialect final : public Dialect {
 public:
  const hub::Form& form(const Wrap& wrap) const noexcept override { return form_of(wrap); }

  void read(Session& session, MessageKind, std::string_view payload) override {
    native_json::Message message = native_json::parse(payload);
    session.ask(message.id, std::move(message.command));
  }

  void answer(Session& session, const RequestId& id, const Outcome& outcome) override {
    const auto* refusal = std::get_if<Refusal>(&outcome);
    session.push_text(refusal != nullptr ? native_json::error_text(id, *refusal)
                                         : native_json::reply_text(id, data_of(session, outcome)),
                      readers_of(outcome));
  }

  void tell(Session& session, const Notice& notice) override {
    if (std::holds_alternative<Throttled>(notice))
      return session.push_text(
          native_json::error_text("null", {name(ErrorCode::rate_limited), "You send faster than you may."}));
    const auto* welcome = std::get_if<Welcome>(&notice);
    push_event(session, event_of(session, notice),
               welcome != nullptr ? std::optional(welcome->position) : std::nullopt);
  }

  // A WebSocket says why it ends in its close frame. A body cannot: its last event does.
  std::string farewell(Session& session, CloseReason reason) override {
    if (session.transport() == nullptr || !is_event_stream(session.transport()->wrap())) return {};
    const json::value data{{"code", close_code(reason)}, {"reason", name(reason)}};
    hub::EventDraft draft{"connection.closed", json::serialize(data), hub::Audience::one_connection()};
    const hub::Event event(std::move(draft), 0, session.desk().shard.clock().unix_ms());
    return server_sent_event(event.text(), {});
  }
};

}  // namespace

Dialect& dialect() {
  static NativeDialect shared;
  return shared;
}

}  // namespace corohub::gateway::native
