// What the server says to a STOMP client: answers, notices, heart-beats and last words.
#include "gateway/session/session.hpp"
#include "gateway/stomp/dialect.hpp"
#include "gateway/stomp/flags.hpp"
#include "gateway/stomp/tasks.hpp"
#include "hub/event.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace corohub::gateway::stomp {
namespace {

using Kind = Request::Kind;

// How a connection ends whose client was refused this.
CloseReason reason_of(std::string_view code) noexcept {
  struct Row {
    std::string_view code;
    CloseReason reason;
  };
  constexpr std::array rows = {
      Row{"unauthorized", CloseReason::session_revoked},
      Row{"invalid_token", CloseReason::session_revoked},
      Row{"invalid_credentials", CloseReason::session_revoked},
      Row{"rate_limited", CloseReason::rate_limited},
      Row{"too_many_connections", CloseReason::rate_limited},
      Row{"payload_too_large", CloseReason::message_too_big},
      Row{"overloaded", CloseReason::overloaded},
      Row{"storage_full", CloseReason::overloaded},
      Row{"storage_unavailable", CloseReason::overloaded},
      Row{"draining", CloseReason::draining},
      Row{"internal_error", CloseReason::internal_error},
  };
  for (const Row& row : rows)
    if (row.code == code) return row.reason;
  return CloseReason::protocol_error;
}

// The word for an end that nobody asked for in a frame.
std::string_view code_of(CloseReason reason) noexcept {
  return reason == CloseReason::message_too_big ? "payload_too_large" : name(reason);
}

// `names_versions`: nothing has been agreed on yet.
std::string error_text(Version version, const Refusal& refusal, std::string_view receipt,
                       bool names_versions) {
  FrameWriter text(version, "ERROR");
  text.header("message", refusal.message).header("code", refusal.code);
  if (names_versions) text.header("version", "1.0,1.1,1.2");
  if (!receipt.empty()) text.header("receipt-id", receipt);
  text.header("content-type", "text/plain").header("content-length", std::to_string(refusal.message.size()));
  return text.frame(refusal.message);
}

// "flag updates for namespace: bep", or a topic, or a destination.
std::string name_of(const Subscription& subscription) {
  const Destination place = subscription.place();
  if (place.is_of_flags()) return flag_updates_of(place.name);
  return place.kind == Destination::Kind::topic ? std::string(place.name) : subscription.destination;
}

Refusal in_words_of_flags(const Subscription& asked, const Refusal& refusal) {
  const bool not_there = asked.place().is_of_flags() && refusal.code == "forbidden";
  return not_there ? invalid_namespace() : refusal;
}

}  // namespace

// ---- answers ----

void StompDialect::welcome() {
  stage_ = Stage::connected;
  FrameWriter text(version_, "CONNECTED");
  text.header("version", name(version_)).header("session", session_->client_id().text());
  text.header("server", "corohub").header("heart-beat", Heartbeat::offer);
  // A session that was known before its CONNECT has had the form of another version.
  if (session_->is_identified()) session_->desk().shard.form_changed(*session_);
  session_->push_text(std::move(text).frame());
  arm();
}

void StompDialect::answer(Session& session, const RequestId& id, const Outcome& outcome) {
  session_ = &session;
  --under_way_;
  if (stage_ == Stage::ended) return;
  const Request request = Request::parse(id);
  if (const auto* refusal = std::get_if<Refusal>(&outcome))
    refused(request, *refusal);
  else
    done(request, outcome);
  if (stage_ == Stage::leaving && under_way_ == 0) leave();
}

void StompDialect::refused(const Request& request, const Refusal& refusal) {
  switch (request.kind) {
    case Kind::connect:
    case Kind::credential: {
      const std::unique_ptr<Waiting> waiting = std::move(waiting_);
      const std::string_view receipt = waiting ? waiting->frame.headers.value("receipt") : std::string_view();
      const CloseReason reason = reason_of(refusal.code);
      const bool is_usual = reason == CloseReason::protocol_error;
      return end(refusal, receipt, is_usual ? CloseReason::session_revoked : reason);
    }
    case Kind::refresh:
      if (refusal.code == "rate_limited") return;  // the one under way counts
      return fail(refusal, request.receipt);
    case Kind::subscribe:
      // The client, or the end of its right, was quicker than the log.
      if (refusal.code == not_subscribed) return say_receipt(request.receipt);
      if (Subscription* asked = subscriptions_.find(request.label);
          asked != nullptr && asked->place().is_of_flags() && subscriptions_.has_listener()) {
        asked->is_revoked = true;  // the client may still end it
        say_refusal(in_words_of_flags(*asked, refusal));
        return say_receipt(request.receipt);
      } else if (asked != nullptr) {
        const Refusal why = in_words_of_flags(*asked, refusal);
        subscriptions_.remove(request.label);
        return fail(why, request.receipt);
      }
      return fail(refusal, request.receipt);
    case Kind::task:
      if (!subscriptions_.has_listener()) return fail(refusal, request.receipt);
      say_refusal(refusal, request.correlation);
      return say_receipt(request.receipt);
    case Kind::plain:
      return fail(refusal, request.receipt);
  }
}

void StompDialect::done(const Request& request, const Outcome& outcome) {
  switch (request.kind) {
    case Kind::connect:
    case Kind::credential:
      return go_on();
    case Kind::refresh:
      return;
    case Kind::subscribe:
      return subscribed(request, std::get<Subscribed>(outcome));
    case Kind::task:
      if (subscriptions_.has_listener()) {
        const auto* json = std::get_if<JsonText>(&outcome);
        say_to_listeners({{"corohub-type", "reply"}, {"correlation-id", request.correlation}},
                         answer_text(outcome),
                         json != nullptr ? json->readers : hub::Audience::one_connection());
      }
      return say_receipt(request.receipt);
    case Kind::plain:
      return say_receipt(request.receipt);
  }
}

void StompDialect::subscribed(const Request& request, const Subscribed& outcome) {
  const Subscription* subscription = subscriptions_.find(request.label);
  if (subscription != nullptr)
    say_status("subscribed", "Successfully subscribed to " + name_of(*subscription), subscription);
  if (request.receipt.empty()) return;
  FrameWriter text(version_, "RECEIPT");
  text.header("receipt-id", request.receipt);
  if (subscription != nullptr && subscription->resumes) {
    text.header("corohub-recovered", outcome.recovered ? "true" : "false");
    text.header("corohub-seq", std::to_string(outcome.seq));
    text.header("corohub-epoch", session_->desk().settings.epoch);
  }
  session_->push_text(text.frame());
}

void StompDialect::say_receipt(std::string_view receipt) {
  if (receipt.empty()) return;
  session_->push_text(FrameWriter(version_, "RECEIPT").header("receipt-id", receipt).frame());
}

// ---- notices ----

void StompDialect::tell(Session& session, const Notice& notice) {
  session_ = &session;
  if (stage_ != Stage::connected) return;
  if (const auto* gap = std::get_if<Gap>(&notice)) return tell_gap(*gap);
  if (const auto* revoked = std::get_if<Revoked>(&notice)) return tell_revoked(*revoked);
  if (const auto* expiring = std::get_if<Expiring>(&notice))
    return say_when_it_expires(expiring->token_expires_at);
  if (!std::holds_alternative<Throttled>(notice)) return;
  heartbeat_.note_heard(now() + throttled_time_max);  // until then nobody reads what the client says
  say_refusal({"rate_limited", "You send faster than you may."});
}

// Whoever asked for what it missed is told there what is lost.
void StompDialect::tell_gap(const Gap& gap) {
  const Subscription* subscription = subscriptions_.find(gap.label);
  if (subscription == nullptr) return;
  const std::string lost =
      std::to_string(gap.from) + "-" + std::to_string(gap.to) + " " + std::string(gap.reason);
  FrameWriter text = begin_message(version_, *subscription);
  text.header("message-id", Position{session_->desk().settings.epoch, gap.to}.text());
  text.header("content-length", "0").header("corohub-gap", lost);
  session_->push_text(text.frame());
  say_status("gap", "Events of " + name_of(*subscription) + " are lost: " + lost, subscription);
}

void StompDialect::tell_revoked(const Revoked& revoked) {
  Subscription* subscription = subscriptions_.find(revoked.label);
  if (subscription == nullptr) return;
  subscription->is_revoked = true;
  say_status("revoked", "Your subscription to " + name_of(*subscription) + " has been revoked", subscription);
}

void StompDialect::say_to_listeners(AnswerHeaders headers, std::string_view body,
                                    const hub::Audience& readers) {
  subscriptions_.for_each_listener([&](const Subscription& listener) {
    FrameWriter text = begin_message(version_, listener);
    text.header("message-id", passing_message_id()).header("content-length", std::to_string(body.size()));
    for (const auto& [header, value] : headers)
      if (!value.empty()) text.header(header, value);
    session_->push_text(text.frame(body), readers);
  });
}

void StompDialect::say_status(std::string_view status, std::string_view message, const Subscription* about) {
  const bool of_one = about != nullptr;
  say_status({{"corohub-status", status},
              {"corohub-subscription", of_one ? about->id : std::string_view()},
              {"corohub-destination", of_one ? about->destination : std::string_view()}},
             message);
}

void StompDialect::say_status(AnswerHeaders headers, std::string_view message) {
  if (!subscriptions_.has_listener()) return;
  say_to_listeners(headers,
                   status_text("connection_status", message, session_->desk().shard.clock().unix_ms()));
}

void StompDialect::say_when_it_expires(UnixMs when) {
  say_status("expiring", "Your token expires at " + rfc3339(when));
}

void StompDialect::say_refusal(const Refusal& refusal, std::string_view correlation) {
  if (!subscriptions_.has_listener()) return;
  say_to_listeners({{"code", refusal.code}, {"correlation-id", correlation}},
                   status_text("error", refusal.message, session_->desk().shard.clock().unix_ms()));
}

// ---- the end ----

void StompDialect::fail(const Refusal& refusal, std::string_view receipt) {
  end(refusal, receipt, reason_of(refusal.code));
}

void StompDialect::end(const Refusal& refusal, std::string_view receipt, CloseReason reason) {
  last_words_ = error_text(version_, refusal, receipt, stage_ == Stage::expects_connect);
  stage_ = Stage::ended;
  session_->close(reason);
}

void StompDialect::leave() {
  say_receipt(receipt_of_disconnect_);
  stage_ = Stage::ended;
  session_->close(CloseReason::normal);
}

std::string StompDialect::farewell(Session&, CloseReason reason) {
  const bool names_versions = stage_ == Stage::expects_connect;
  stage_ = Stage::ended;
  if (!last_words_.empty()) return std::exchange(last_words_, {});
  if (reason == CloseReason::normal || reason == CloseReason::peer_gone) return {};
  const Refusal why{code_of(reason), "The server ends this connection: " + std::string(name(reason))};
  return error_text(version_, why, {}, names_versions);
}

// ---- events that are not shared ----

hub::FrameRef StompDialect::own_frame(Session& session, const hub::Event& event,
                                      const hub::Interest& interest) {
  const Subscription* subscription = subscriptions_.find(interest.label);
  if (subscription == nullptr || session.transport() == nullptr) return nullptr;
  const Wrap& wrap = session.transport()->wrap();
  const MessageRest rest(event, session.desk().settings.epoch);
  const bool as_bytes = rest.is_binary() && wrap.carries_binary();
  const std::string text = rest.append_to(begin_message(version_, *subscription),
                                          as_bytes ? BinaryBodies::as_they_are : BinaryBodies::as_base64);
  return wrap.frame(text, Wrap::Part::whole, event.audience(),
                    as_bytes ? MessageKind::binary : MessageKind::text);
}

// ---- time ----

void StompDialect::arm() {
  const SteadyTime next = std::min({heartbeat_.next().value_or(SteadyTime::max()), frame_due_, pause_ends_});
  if (next != SteadyTime::max()) session_->desk().shard.wheel().arm_by(*this, next);
}

void StompDialect::on_due(SteadyTime now) noexcept {
  if (session_->is_closing() || session_->transport() == nullptr) return;
  // A large message may take longer than two heart-beats; it has a deadline of its own.
  if (session_->transport()->is_receiving()) heartbeat_.note_heard(now);
  if (now >= frame_due_) return session_->close(CloseReason::message_timeout);
  if (!waiting_ && heartbeat_.is_lost(now)) return session_->close(CloseReason::pong_timeout);
  try {
    if (heartbeat_.must_send(now)) say_that_it_is_there(now);
    if (now >= pause_ends_) end_pause();
  } catch (const std::bad_alloc&) {
    return session_->close(CloseReason::overloaded);
  }
  arm();
}

// What waits for the client will tell it as well.
void StompDialect::say_that_it_is_there(SteadyTime now) {
  heartbeat_.note_sent(now);
  if (session_->outbox().empty()) session_->push_text("\n");
}

void StompDialect::end_pause() {
  pause_ends_ = SteadyTime::max();
  session_->transport()->resume_reading();
  go_on();
}

}  // namespace corohub::gateway::stomp
