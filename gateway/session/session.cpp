#include "gateway/session/session.hpp"

#include "core/log.hpp"
#include "gateway/native/forms.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

constexpr std::size_t large_reply_bytes = 16 << 10;

}  // namespace

SessionMetrics::SessionMetrics()
    : resumed(metrics::counter("corohub_resumes_total", "Connections that asked for missed events.")),
      gaps(metrics::counter("corohub_stream_gaps_total",
                            "Connections told that the log does not have all they missed.")),
      messages(metrics::counter("corohub_websocket_messages_received_total", "Messages of clients.")) {
  for (std::size_t i = 0; i < role_count; ++i)
    connections[i] = &metrics::gauge("corohub_connections", "Registered push connections.",
                                     {{"role", std::string(name(static_cast<Role>(i)))}});
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    closes[i] = &metrics::counter(
        "corohub_closes_total", "Connections ended, by close code and reason.",
        {{"code", std::to_string(close_code(reason))}, {"reason", std::string(name(reason))}});
  }
}

Session::Session(const SessionPlace& place, const auth::Principal* principal,
                 hub::Roster::Admission admission, const boost::asio::ip::address& address,
                 Beginning beginning)
    : Member(ClientId::random(), place.settings.outbox),
      place_(place),
      admission_(std::move(admission)),
      address_(address),
      connected_at_(place.shard.clock().unix_ms()),
      token_expires_at_(principal == nullptr ? 0 : principal->token_expires_at),
      beginning_(std::make_unique<Beginning>(std::move(beginning))),
      exempt_(beginning_->exempt) {
  if (principal != nullptr)
    beginning_->who.emplace(principal->user_id(), principal->role(), principal->session);
  set_types(std::move(beginning_->events.types));
}

const hub::Form& Session::form() const noexcept { return native::form_of(transport_->wrap()); }

// ---- the beginning and the end ----

void Session::on_open(Transport& transport) {
  transport_ = &transport;
  set_outlet(&transport);
  const std::unique_ptr<Beginning> beginning = std::move(beginning_);
  if (!beginning->who) return transport.close(CloseReason::session_revoked, Drain::no);
  place_.shard.attach(*this, *beginning->who);
  enter_counts();
  if (log::enabled(log::Level::debug))
    log::debug(
        "connection.opened",
        {{"client_id", client_id().text()}, {"user_id", identity().user_id}, {"ip", address_.to_string()}});
  begin(*beginning);
  expire_at(token_expires_at_);
}

void Session::begin(const Beginning& beginning) {
  if (!beginning.events.since) {
    welcome(place_.shard.head(), false);
    return follow(beginning);
  }
  const Position& since = *beginning.events.since;
  place_.settings.metrics.resumed.Increment();
  std::optional<SessionReplay::Gap> gap = gap_before(since, beginning.committed);
  if (!gap && since.seq < beginning.floor) gap = {since.seq, beginning.floor, "expired"};
  // What is left of an expired stretch comes all the same.
  const Seq from = gap ? gap->to : since.seq;
  const bool all_there =
      !gap && std::ranges::none_of(beginning.topic_floors, [&](Seq floor) { return since.seq < floor; });
  // Of a topic that has lost something the own events are there all the same.
  welcome(from, all_there);
  if (gap) replay().push_gap(*gap);
  replay().begin(from);
  follow(beginning);
  replay().advance();
}

void Session::follow(const Beginning& beginning) {
  const Seq from = position();
  for (std::size_t i = 0; i < beginning.events.topics.size(); ++i) {
    hub::Subscription* subscription = topics().follow(beginning.events.topics[i]);
    if (subscription == nullptr || !catches_up()) continue;
    const bool of_this_log = i < beginning.topic_floors.size();
    const Seq floor = of_this_log ? beginning.topic_floors[i] : 0;
    replay().bring(*subscription, std::max(from, floor));
    if (from < floor) replay().push_gap({from, floor, "expired"}, subscription->topic->name);
  }
}

std::optional<SessionReplay::Gap> Session::gap_before(const Position& since, Seq committed) const {
  if (!since.epoch.empty() && since.epoch != place_.settings.epoch)
    return SessionReplay::Gap{since.seq, position(), "foreign_epoch"};
  // Of what is committed, not of what is applied here: another shard may be ahead.
  if (since.seq > std::max(committed, place_.shard.head()))
    return SessionReplay::Gap{since.seq, position(), "ahead"};
  return std::nullopt;
}

void Session::welcome(Seq position, bool recovered) {
  json::object data;
  data["client_id"] = client_id().text();
  data["user_id"] = identity().user_id;
  data["role"] = name(identity().role);
  data["message"] = "Welcome to WebSocket real-time updates";
  data["epoch"] = place_.settings.epoch;
  data["seq"] = position;
  data["recovered"] = recovered;
  data["ping_interval"] = place_.settings.ping_interval.count();
  data["token_expires_at"] = rfc3339(token_expires_at_ * 1000);
  push_event("connection.established", data, position);
}

void Session::close(CloseReason reason) noexcept {
  leave_counts();  // whoever is told to go is no client any more
  if (transport_ == nullptr) return;
  // T25: what waits when a token ends came too late for it.
  const bool at_once = reason == CloseReason::slow_consumer || reason == CloseReason::token_expired;
  transport_->close(reason, at_once ? Drain::no : Drain::yes);
}

void Session::on_closed(CloseReason reason) noexcept {
  transport_ = nullptr;
  set_outlet(nullptr);
  outbox().close_and_clear();
  if (replay_) replay_->clear();
  place_.shard.expiries().disarm(*this);
  place_.shard.detach(*this);
  leave_counts();
  admission_ = hub::Roster::Admission();
  place_.settings.metrics.closes[static_cast<std::size_t>(reason)]->Increment();
  const bool usual = reason == CloseReason::normal || reason == CloseReason::peer_gone;
  const log::Level level = usual ? log::Level::debug : log::Level::info;
  if (!log::enabled(level)) return;
  log::write(level, "connection.closed",
             {{"client_id", client_id().text()},
              {"user_id", is_identified() ? identity().user_id : 0},
              {"reason", name(reason)}});
}

void Session::end(CloseReason reason) noexcept {
  if (outbox().closed()) return;
  outbox().close();
  close(reason);
}

// ---- its parts ----

SessionReplay& Session::replay() {
  if (!replay_) replay_ = std::make_unique<SessionReplay>(*this);
  return *replay_;
}

SessionTopics& Session::topics() {
  if (!topics_) topics_ = std::make_unique<SessionTopics>(*this);
  return *topics_;
}

void Session::on_low_water() {
  if (replay_) replay_->advance();
}

std::string Session::position_text() const { return Position{place_.settings.epoch, position()}.text(); }

void Session::subscription_lost(const hub::Subscription& subscription) noexcept {
  try {
    topics().lost(subscription);
  } catch (const std::bad_alloc&) {
    end(CloseReason::overloaded);
  }
}

// ---- who it is ----

void Session::enter_counts() {
  counted_ = true;
  counted_role_ = identity().role;
  admission_.enter(counted_role_);
  // Judged in this turn, so the cache has it.
  if (const AccountRef account = place_.authenticator.accounts().find(identity().user_id))
    online_ = place_.presence.presence().online(account->id, account->name);
  place_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Increment();
}

void Session::leave_counts() noexcept {
  if (!std::exchange(counted_, false)) return;
  admission_.leave();
  if (typing_) typing_->end();
  for (const std::unique_ptr<hub::Subscription>& subscription : subscriptions()) subscription->presence = {};
  online_ = {};
  place_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Decrement();
}

void Session::role_changed() noexcept {
  if (!counted_) return;
  place_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Decrement();
  counted_role_ = identity().role;
  admission_.change(counted_role_);
  place_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Increment();
}

hub::MemberInfo Session::info() const {
  return {client_id(),        identity().user_id,   identity().role,
          transport_->name(), address_.to_string(), connected_at_};
}

// ---- what it says ----

void Session::push_event(std::string type, const json::object& data, std::optional<Seq> position) {
  hub::EventDraft draft{std::move(type), json::serialize(data), hub::Audience::one_connection()};
  const hub::Event event(std::move(draft), 0, place_.shard.clock().unix_ms());
  const std::string id = position ? Position{place_.settings.epoch, *position}.text() : std::string();
  place_.shard.push(*this, native::personal_frame(transport_->wrap(), event.text(), id, event.audience()));
}

void Session::push_text(std::string_view text, const hub::Audience& readers) {
  if (transport_ == nullptr) return;
  place_.shard.push(*this, native::personal_frame(transport_->wrap(), text, {}, readers));
}

void Session::on_message(MessageKind, std::string_view payload) {
  place_.settings.metrics.messages.Increment();
  native_json::Command command = native_json::parse(payload);
  try {
    std::visit([&](auto& what) { answer(command.id, what); }, command.what);
  } catch (...) {
    fail(command.id, std::current_exception());
  }
}

void Session::answer_later(const native_json::RequestId& id, Task<> work) {
  asio::co_spawn(place_.shard.context(), std::move(work),
                 [self = shared_from_this(), id](const std::exception_ptr& failure) {
                   if (failure) self->fail(id, failure);
                 });
}

void Session::fail(const native_json::RequestId& id, const std::exception_ptr& failure) noexcept {
  try {
    Error answer(ErrorCode::internal_error, "Something went wrong here.");
    try {
      std::rethrow_exception(failure);
    } catch (const std::bad_alloc&) {
      log::error("session.out_of_memory");
      answer = Error(ErrorCode::overloaded, "There is no memory for this now.");
    } catch (const std::exception& why) {
      log::error("session.request_failed", {{"cause", why.what()}});
    } catch (...) {
      log::error("session.request_failed");
    }
    if (!ended()) refuse(id, {name(answer.code), answer.detail});
  } catch (const std::bad_alloc&) {
    end(CloseReason::overloaded);
  }
}

void Session::on_throttled() { refuse(nullptr, {"rate_limited", "You send faster than you may."}); }

void Session::reply(const native_json::RequestId& id, const json::value& data) {
  push_text(native_json::reply_text(id, data));
}

// Whoever asks for much and reads little is refused, not closed.
void Session::reply_raw(const native_json::RequestId& id, std::string_view data,
                        const hub::Audience& readers) {
  const std::string text = native_json::raw_reply_text(id, data);
  place_.shard.send_now(*this);
  const std::uint64_t room = std::uint64_t{outbox().limits().bytes_max} * 3 / 4;
  const bool fits = outbox().bytes() + text.size() <= room;
  if (fits || text.size() <= large_reply_bytes) return push_text(text, readers);
  refuse(id, {name(ErrorCode::overloaded), "Too much waits for you already: read it, or ask for less."});
}

void Session::refuse(const native_json::RequestId& id, const native_json::Refusal& refusal) {
  push_text(native_json::error_text(id, refusal));
}

void Session::answer(const native_json::RequestId& id, const native_json::Refusal& refusal) {
  refuse(id, refusal);
}

void Session::answer(const native_json::RequestId& id, const native_json::Subscribe& asked) {
  topics().subscribe(id, asked.topic, asked.since);
}

void Session::answer(const native_json::RequestId& id, const native_json::Unsubscribe& asked) {
  topics().unsubscribe(id, asked.topic);
}

void Session::answer(const native_json::RequestId& id, native_json::Publish& asked) {
  publishing().publish(id, std::move(asked));
}

void Session::answer(const native_json::RequestId& id, native_json::HistoryQuery& asked) {
  publishing().history(id, std::move(asked));
}

void Session::answer(const native_json::RequestId& id, const native_json::PresenceQuery& asked) {
  const Result<json::object> who =
      place_.presence.who_is_in(asked.topic, {identity().user_id, identity().role, exempt()});
  if (!who) return refuse(id, {name(who.error().code), who.error().detail});
  reply_raw(id, json::serialize(*who), {place_.settings.rules.find(asked.topic)->subscribers, 0});
}

void Session::answer(const native_json::RequestId& id, const native_json::Typing& asked) {
  typing().ask(id, asked);
}

SessionTyping& Session::typing() {
  if (!typing_) typing_ = std::make_unique<SessionTyping>(*this);
  return *typing_;
}

void Session::stop_typing(std::string_view topic) noexcept {
  if (typing_) typing_->end(topic);
}

SessionPublishing& Session::publishing() {
  if (!publishing_) publishing_ = std::make_unique<SessionPublishing>(*this);
  return *publishing_;
}

void Session::answer(const native_json::RequestId& id, const native_json::Ping&) {
  const json::value data{{"seq", position()}};
  push_text(native_json::reply_text(id, data));
}

void Session::answer(const native_json::RequestId& id, const native_json::AuthRefresh& asked) {
  if (refreshes_ > 0) return refuse(id, {"rate_limited", "A refresh is under way."});
  answer_later(id, refresh(UnderWay(shared_from_this(), refreshes_), id, asked.token));
}

// T25: the same user and login, or the connection lives to its old end.
Task<> Session::refresh(UnderWay /*keeps this*/, native_json::RequestId id, std::string token) {
  Result<auth::Principal> fresh = co_await place_.authenticator.authenticate(token);
  if (fresh) fresh = place_.authenticator.check_again(*fresh);  // as it is after the wait
  if (outbox().closed()) co_return;
  if (!fresh) co_return answer(id, {name(fresh.error().code), fresh.error().detail});
  if (fresh->user_id() != identity().user_id || fresh->session != identity().session)
    co_return answer(id, {name(ErrorCode::invalid_token), "The token is not of this user and login."});
  if (fresh->token_expires_at > token_expires_at_) expire_at(fresh->token_expires_at);
  const json::value data{{"token_expires_at", rfc3339(token_expires_at_ * 1000)}};
  push_text(native_json::reply_text(id, data));
}

// ---- the token's end ----

void Session::expire_at(std::int64_t seconds) {
  const Clock& clock = place_.shard.clock();
  token_expires_at_ = seconds;
  token_ends_ = clock.steady() + std::chrono::milliseconds(seconds * 1000 - clock.unix_ms());
  expiry_noticed_ = clock.steady() + expiry_notice >= token_ends_;
  if (expiry_noticed_) notice_expiry();
  place_.shard.expiries().arm(*this, expiry_noticed_ ? token_ends_ : token_ends_ - expiry_notice);
}

void Session::notice_expiry() {
  push_event("auth.expiring", {{"expires_at", rfc3339(token_expires_at_ * 1000)}});
}

void Session::on_due(SteadyTime now) noexcept {
  if (outbox().closed()) return;
  if (expiry_noticed_ || now >= token_ends_) return end(CloseReason::token_expired);
  expiry_noticed_ = true;
  try {
    notice_expiry();
  } catch (const std::bad_alloc&) {
    log::error("session.out_of_memory");
  }
  place_.shard.expiries().arm(*this, token_ends_);
}

}  // namespace corohub::gateway
