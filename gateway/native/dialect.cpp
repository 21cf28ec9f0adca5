#include "gateway/native/dialect.hpp"

#include "core/json.hpp"
#include "gateway/native/forms.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/session.hpp"

#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::native {
namespace {

using native_json::reply_text;

// 0: it has no end, as of a key.
json::value end_text(UnixMs expires_at) {
  return expires_at == 0 ? json::value() : json::value(rfc3339(expires_at));
}

json::value token_end(UnixMs expires_at) { return {{"token_expires_at", end_text(expires_at)}}; }

// ---- what became of a command ----

std::string text_of(const RequestId& id, const Session&, const Refusal& refusal) {
  return native_json::error_text(id, refusal);
}

std::string text_of(const RequestId& id, const Session&, const Pong& pong) {
  return reply_text(id, {{"seq", pong.seq}});
}

std::string text_of(const RequestId& id, const Session&, const Authenticated& fresh) {
  return reply_text(id, token_end(fresh.token_expires_at));
}

std::string text_of(const RequestId& id, const Session& session, const Subscribed& done) {
  return reply_text(id, {{"topic", done.topic},
                         {"epoch", session.desk().settings.epoch},
                         {"seq", done.seq},
                         {"recovered", done.recovered}});
}

std::string text_of(const RequestId& id, const Session&, const Unsubscribed& done) {
  return reply_text(id, {{"topic", done.topic}});
}

std::string text_of(const RequestId& id, const Session&, const PublishedOne& done) {
  return native_json::raw_reply_text(id, answer_text({.seq = done.seq, .time = done.time}, done.topic));
}

std::string text_of(const RequestId& id, const Session&, const PublishedAll&) {
  return native_json::raw_reply_text(id, "{}");
}

std::string text_of(const RequestId& id, const Session&, const TypingNoted& done) {
  return reply_text(id, {{"topic", done.topic}, {"typing", done.typing}});
}

std::string text_of(const RequestId& id, const Session&, const JsonText& json) {
  return native_json::raw_reply_text(id, json.text);
}

hub::Audience readers_of(const Outcome& outcome) noexcept {
  const auto* json = std::get_if<JsonText>(&outcome);
  return json != nullptr ? json->readers : hub::Audience::one_connection();
}

// ---- what a session tells by itself ----

// An event for this connection alone, with this JSON text; `position` is its id on an event stream.
void push_event(Session& session, std::string type, std::string data, std::optional<Seq> position = {}) {
  if (session.transport() == nullptr) return;
  hub::EventDraft draft{std::move(type), std::move(data), hub::Audience::one_connection()};
  const hub::Event event(std::move(draft), 0, session.desk().shard.clock().unix_ms());
  const std::string id = position ? Position{session.desk().settings.epoch, *position}.text() : std::string();
  session.push_frame(personal_frame(session.transport()->wrap(), event.text(), id, event.audience()));
}

void push_event(Session& session, std::string type, const json::object& data,
                std::optional<Seq> position = {}) {
  push_event(session, std::move(type), json::serialize(data), position);
}

void tell_of(Session& session, const Welcome& welcome) {
  const SessionSettings& settings = session.desk().settings;
  json::object data;
  data["client_id"] = session.client_id().text();
  const UserId user = session.identity().user_id;
  data["user_id"] = user == 0 ? json::value() : json::value(user);
  data["role"] = name(session.identity().role);
  data["message"] = "Welcome to WebSocket real-time updates";
  data["epoch"] = settings.epoch;
  data["seq"] = welcome.position;
  data["recovered"] = welcome.recovered;
  data["ping_interval"] = settings.ping_interval.count();
  data["token_expires_at"] = end_text(welcome.token_expires_at);
  push_event(session, "connection.established", data, welcome.position);
}

void tell_of(Session& session, const Gap& gap) {
  json::object data{{"from", gap.from}, {"to", gap.to}, {"reason", gap.reason}};
  if (!gap.topic.empty()) data["topic"] = gap.topic;
  push_event(session, "stream.gap", data);
}

void tell_of(Session& session, const Revoked& revoked) {
  push_event(session, "subscription.revoked", {{"topic", revoked.topic}});
}

void tell_of(Session& session, const Expiring& expiring) {
  push_event(session, "auth.expiring", {{"expires_at", rfc3339(expiring.token_expires_at)}});
}

void tell_of(Session& session, const Throttled&) {
  session.push_text(
      native_json::error_text("null", {name(ErrorCode::rate_limited), "You send faster than you may."}));
}

void tell_of(Session& session, const FlagValues& values) {
  push_event(session, "flag.values", std::string(values.data));
}

class NativeDialect final : public Dialect {
 public:
  const hub::Form& form(const Wrap& wrap) const noexcept override { return form_of(wrap); }

  void read(Session& session, MessageKind, std::string_view payload) override {
    native_json::Message message = native_json::parse(payload);
    session.ask(message.id, std::move(message.command));
  }

  void answer(Session& session, const RequestId& id, const Outcome& outcome) override {
    const std::string text =
        std::visit([&](const auto& what) { return text_of(id, session, what); }, outcome);
    session.push_text(text, readers_of(outcome));
  }

  void tell(Session& session, const Notice& notice) override {
    std::visit([&](const auto& what) { tell_of(session, what); }, notice);
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
