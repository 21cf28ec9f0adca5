#include "gateway/session/plain_json.hpp"

#include "gateway/session/session.hpp"

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

// 0: it has no end, as of a key.
json::value end_text(UnixMs expires_at) {
  return expires_at == 0 ? json::value() : json::value(rfc3339(expires_at));
}

// ---- outcomes ----

std::string text_of(const Session&, const Refusal&) { return "{}"; }

std::string text_of(const Session&, const Pong& pong) {
  return json::serialize(json::object{{"seq", pong.seq}});
}

std::string text_of(const Session&, const Authenticated& fresh) {
  return json::serialize(json::object{{"token_expires_at", end_text(fresh.token_expires_at)}});
}

std::string text_of(const Session& session, const Subscribed& done) {
  return json::serialize(json::object{{"topic", done.topic},
                                      {"epoch", session.desk().settings.epoch},
                                      {"seq", done.seq},
                                      {"recovered", done.recovered}});
}

std::string text_of(const Session&, const Unsubscribed& done) {
  return json::serialize(json::object{{"topic", done.topic}});
}

std::string text_of(const Session&, const PublishedOne& done) {
  return answer_text({.seq = done.seq, .time = done.time}, done.topic);
}

std::string text_of(const Session&, const PublishedAll&) { return "{}"; }

std::string text_of(const Session&, const TypingNoted& done) {
  return json::serialize(json::object{{"topic", done.topic}, {"typing", done.typing}});
}

std::string text_of(const Session&, const JsonText& json) { return json.text; }

// ---- notices ----

NoticeEvent event_of(const Session& session, const Welcome& welcome) {
  return welcome_of(session, welcome, session.desk().settings.ping_interval);
}

NoticeEvent event_of(const Session&, const Gap& gap) {
  json::object data{{"from", gap.from}, {"to", gap.to}, {"reason", gap.reason}};
  if (!gap.topic.empty()) data["topic"] = gap.topic;
  return {"stream.gap", json::serialize(data)};
}

NoticeEvent event_of(const Session&, const Revoked& revoked) {
  return {"subscription.revoked", json::serialize(json::object{{"topic", revoked.topic}})};
}

NoticeEvent event_of(const Session&, const Expiring& expiring) {
  return {"auth.expiring", json::serialize(json::object{{"expires_at", rfc3339(expiring.token_expires_at)}})};
}

NoticeEvent event_of(const Session&, const Throttled&) { return {}; }

NoticeEvent event_of(const Session&, const FlagValues& values) {
  return {"flag.values", std::string(values.data)};
}

// Whoever asks for a text of its own has an event of its own.
NoticeEvent event_of(const Session&, const FlagItems&) { return {}; }

}  // namespace

NoticeEvent welcome_of(const Session& session, const Welcome& welcome, std::chrono::seconds ping_interval) {
  json::object data;
  data["client_id"] = session.client_id().text();
  const UserId user = session.identity().user_id;
  data["user_id"] = user == 0 ? json::value() : json::value(user);
  data["role"] = name(session.identity().role);
  data["message"] = "Welcome to WebSocket real-time updates";
  data["epoch"] = session.desk().settings.epoch;
  data["seq"] = welcome.position;
  data["recovered"] = welcome.recovered;
  data["ping_interval"] = ping_interval.count();
  data["token_expires_at"] = end_text(welcome.token_expires_at);
  return {"connection.established", json::serialize(data)};
}

std::string data_of(const Session& session, const Outcome& outcome) {
  return std::visit([&](const auto& what) { return text_of(session, what); }, outcome);
}

hub::Audience readers_of(const Outcome& outcome) noexcept {
  const auto* json = std::get_if<JsonText>(&outcome);
  return json != nullptr ? json->readers : hub::Audience::one_connection();
}

NoticeEvent event_of(const Session& session, const Notice& notice) {
  return std::visit([&](const auto& what) { return event_of(session, what); }, notice);
}

}  // namespace corohub::gateway
