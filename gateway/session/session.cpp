#include "gateway/session/session.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

constexpr std::size_t large_answer_bytes = 16 << 10;

template <class... Allowed>
bool is_one_of(const Command& command) noexcept {
  return (std::holds_alternative<Allowed>(command) || ...);
}

// A guest, or one with a key, publishes nothing and sees nobody.
bool is_for_listeners(const Command& command) noexcept {
  return is_one_of<Refusal, Ping, Subscribe, Unsubscribe, HistoryQuery>(command);
}

}  // namespace

SessionMetrics::SessionMetrics()
    : guests(metrics::gauge("corohub_guests", "Connections of clients that say nothing of themselves.")),
      resumed(metrics::counter("corohub_resumes_total", "Connections that asked for missed events.")),
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

Refusal refusal_of(const Error& error) { return {name(error.code), error.detail}; }

Session::Session(const Desk& desk, Dialect& dialect, Arrival arrival)
    : Member(ClientId::random(), desk.settings.outbox),
      desk_(desk),
      dialect_(dialect),
      admission_(std::move(arrival.admission)),
      address_(arrival.address),
      connected_at_(desk.shard.clock().unix_ms()),
      exempt_(arrival.exempt) {
  stranger_ = std::make_unique<Stranger>(Stranger{.arrival = std::move(arrival)});
}

Session::~Session() { dialect_.release(); }

// ---- the beginning ----

void Session::on_open(Transport& transport) {
  transport_ = &transport;
  set_outlet(&transport.outlet());
  dialect_.open(transport.wrap());
  if (stranger_->arrival.entrant) {
    const std::unique_ptr<const Stranger> known = std::move(stranger_);
    return enter(*known->arrival.entrant, known->arrival.beginning);
  }
  if (!stranger_->arrival.may_identify) return transport.close(CloseReason::session_revoked, Drain::no);
  wait_for_identity();
}

void Session::wait_for_identity() {
  stage_ = Stage::unidentified;
  desk_.reception.outsiders().add(*this, weak_from_this(), desk_.shard.context());
  due_ = desk_.shard.clock().steady() + identify_time_max;
  desk_.shard.expiries().arm(*this, due_);
}

// Called in the turn in which the entrant was judged: no change of rights falls in between.
void Session::enter(const Entrant& entrant, const Beginning& beginning) {
  if (!dialect_.hears_unasked())
    listen_only_when_asked();
  else if (!beginning.events.types.empty())
    set_filter(hub::filter_of_types(beginning.events.types));
  desk_.shard.attach(*this, entrant.identity());
  stage_ = Stage::live;
  transport_->allow_large_messages();
  enter_counts();
  if (log::enabled(log::Level::debug))
    log::debug(
        "connection.opened",
        {{"client_id", client_id().text()}, {"user_id", identity().user_id}, {"ip", address_.to_string()}});
  token_expires_at_ = entrant.ends_at().value_or(0);
  begin(beginning);
  if (entrant.ends_at()) expire_at(token_expires_at_);
}

void Session::begin(const Beginning& beginning) {
  const UnixMs expires_at = token_expires_at_ * 1000;
  if (!beginning.events.since) {
    tell(Welcome{desk_.shard.head(), false, expires_at});
    return follow(beginning);
  }
  const Position& since = *beginning.events.since;
  desk_.settings.metrics.resumed.Increment();
  std::optional<Gap> gap = gap_before(since, beginning.committed);
  // The log may have been shortened since the client was on its way here.
  const Seq floor = std::max(beginning.floor, desk_.shard.tail().floor());
  if (!gap && since.seq < floor) gap = Gap{since.seq, floor, "expired"};
  // What is left of an expired stretch comes all the same.
  const Seq from = gap ? gap->to : since.seq;
  const bool all_there =
      !gap && std::ranges::none_of(beginning.topic_floors, [&](Seq floor) { return since.seq < floor; });
  // Of a topic that has lost something the own events are there all the same.
  tell(Welcome{from, all_there, expires_at});
  if (gap) replay().tell_gap(*gap);
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
    if (from < floor) replay().tell_gap({from, floor, "expired", subscription->topic->name});
  }
}

std::optional<Gap> Session::gap_before(const Position& since, Seq committed) const {
  if (!since.epoch.empty() && since.epoch != desk_.settings.epoch)
    return Gap{since.seq, position(), "foreign_epoch"};
  // Of what is committed, not of what is applied here: another shard may be ahead.
  if (since.seq > std::max(committed, desk_.shard.head())) return Gap{since.seq, position(), "ahead"};
  return std::nullopt;
}

// ---- who it is ----

// T14: a client that has not said who it is may say little. How many messages that are, its dialect knows.
bool Session::says_too_much(std::size_t bytes) noexcept {
  stranger_->bytes += bytes;
  return stranger_->bytes > unidentified_bytes_max;
}

namespace {

// A session is not read from while this lives.
class ReadingPaused {
 public:
  explicit ReadingPaused(std::shared_ptr<Session> session) : session_(std::move(session)) {
    if (Transport* transport = session_->transport()) transport->pause_reading();
  }
  ReadingPaused(ReadingPaused&&) noexcept = default;
  ReadingPaused& operator=(ReadingPaused&&) = delete;
  ~ReadingPaused() {
    if (!session_) return;
    if (Transport* transport = session_->transport()) transport->resume_reading();
  }

 private:
  std::shared_ptr<Session> session_;
};

}  // namespace

void Session::authenticate(const RequestId& id, Credential credential) {
  if (is_identified()) return ask(id, AuthRefresh{std::move(credential.text)});
  if (proofs_ > 0) return answer(id, Refusal{"rate_limited", "A credential is being judged."});
  answer_later(id, identify(UnderWay(shared_from_this(), proofs_), id, std::move(credential)));
}

Task<> Session::identify(UnderWay /*keeps this*/, RequestId id, Credential credential) {
  std::optional<ReadingPaused> paused(std::in_place, shared_from_this());
  Result<Entrant> entrant = co_await prove(std::move(credential));
  if (entrant) entrant = judge_again(desk_, *entrant);  // as it is after the wait
  paused.reset();  // before the dialect goes on, which may pause for a reason of its own
  if (stage_ == Stage::ended) end_password_login();
  if (is_closing() || transport_ == nullptr) co_return;
  admit(id, entrant);
}

Task<Result<Entrant>> Session::prove(Credential credential) {
  if (credential.kind == Credential::Kind::token)
    co_return co_await find_entrant(desk_, std::move(credential.text));
  if (credential.kind == Credential::Kind::ticket || desk_.passwords == nullptr)
    co_return Error(ErrorCode::invalid_credentials, "This proves nothing here.");
  auth::PasswordLogin::Caller caller{address_, {}, exempt_};
  const Result<auth::Principal> login = co_await desk_.passwords->log_in(
      std::move(credential.email), std::move(credential.password), std::move(caller));
  if (!login) co_return login.error();
  password_login_ = std::make_unique<const auth::Principal>(*login);
  // The account is known on this shard from here on.
  co_return co_await know(desk_, Entrant(*login));
}

// The login was made for this connection alone.
void Session::end_password_login() noexcept {
  if (password_login_) desk_.passwords->log_out(*password_login_);
  password_login_.reset();
}

void Session::admit(const RequestId& id, const Result<Entrant>& entrant) {
  if (!entrant) {
    const std::optional<Error> too_often = desk_.reception.count_failure(address_, exempt_);
    return answer(id, refusal_of(too_often.value_or(entrant.error())));
  }
  admission_ = hub::Roster::Admission();  // it had a place as nobody, and needs one only
  Result<hub::Roster::Admission> place = place_for(desk_.reception, *entrant, address_, exempt_);
  if (!place) return answer(id, refusal_of(place.error()));
  admission_ = std::move(*place);
  desk_.reception.outsiders().remove(*this);
  const std::unique_ptr<const Stranger> stranger = std::move(stranger_);
  enter(*entrant, stranger->arrival.beginning);
  answer(id, Authenticated{token_expires_at_ * 1000});
}

// It keeps the place that it has by its address.
Result<> Session::enter_as_guest() {
  if (stage_ != Stage::unidentified || !desk_.topics.welcomes_guests())
    return Error(ErrorCode::unauthorized, "Say first who you are.");
  if (Result<> place = desk_.reception.accept_guest(admission_, address_, exempt_); !place) return place;
  listen_only_when_asked();
  desk_.shard.attach(*this, hub::Identity::guest());
  desk_.reception.outsiders().remove(*this);
  desk_.shard.expiries().disarm(*this);
  stranger_.reset();
  stage_ = Stage::live;
  enter_counts();
  if (log::enabled(log::Level::debug))
    log::debug("connection.guest", {{"client_id", client_id().text()}, {"ip", address_.to_string()}});
  return {};
}

void Session::send_away() noexcept {
  if (stage_ == Stage::unidentified) close(CloseReason::draining);
}

void Session::carry_out(const RequestId& id, AuthRefresh& asked) {
  if (proofs_ > 0) return answer(id, Refusal{"rate_limited", "A refresh is under way."});
  answer_later(id, refresh(UnderWay(shared_from_this(), proofs_), id, std::move(asked.token)));
}

// T25: the same user and login, or the connection lives to its old end.
Task<> Session::refresh(UnderWay /*keeps this*/, RequestId id, std::string token) {
  if (identity().is_key()) {
    const Result<Entrant> shown = co_await find_entrant(desk_, std::move(token));
    if (!is_closing()) refresh_key(id, shown);
    co_return;
  }
  Result<auth::Principal> fresh = co_await desk_.authenticator.authenticate(token);
  if (fresh) fresh = desk_.authenticator.check_again(*fresh);  // as it is after the wait
  if (is_closing()) co_return;
  if (!fresh) co_return answer(id, refusal_of(fresh.error()));
  if (fresh->user_id() != identity().user_id || fresh->session != identity().session)
    co_return answer(id, Refusal{name(ErrorCode::invalid_token), "The token is not of this user and login."});
  if (fresh->token_expires_at > token_expires_at_) expire_at(fresh->token_expires_at);
  answer(id, Authenticated{token_expires_at_ * 1000});
}

// A key has its end, and one that is shown again changes nothing.
void Session::refresh_key(const RequestId& id, const Result<Entrant>& fresh) {
  if (!fresh) return answer(id, refusal_of(fresh.error()));
  const hub::KeyHolderRef& shown = fresh->identity().key;
  const bool same = shown != nullptr && shown->key_id == identity().key->key_id &&
                    shown->client_id == identity().key->client_id;
  if (!same) return answer(id, Refusal{name(ErrorCode::invalid_token), "That is not this connection's key."});
  answer(id, Authenticated{token_expires_at_ * 1000});
}

// ---- the end ----

void Session::close(CloseReason reason) noexcept {
  outbox().close();
  leave_counts();  // a client that was told to go is counted no more
  if (transport_ == nullptr) return;
  // T25: what waits when a token ends has come too late for its client.
  const bool at_once = reason == CloseReason::slow_consumer || reason == CloseReason::token_expired;
  transport_->close(reason, at_once ? Drain::no : Drain::yes);
}

void Session::on_closed(CloseReason reason) noexcept {
  if (stage_ == Stage::unidentified) desk_.reception.outsiders().remove(*this);
  stage_ = Stage::ended;
  transport_ = nullptr;
  set_outlet(nullptr);
  outbox().close_and_clear();
  if (replay_) replay_->clear();
  desk_.flag_watching.end(*this);
  desk_.shard.expiries().disarm(*this);
  desk_.shard.detach(*this);
  leave_counts();
  admission_ = hub::Roster::Admission();
  end_password_login();
  desk_.settings.metrics.closes[static_cast<std::size_t>(reason)]->Increment();
  const bool usual = reason == CloseReason::normal || reason == CloseReason::peer_gone;
  const log::Level level = usual ? log::Level::debug : log::Level::info;
  if (!log::enabled(level)) return;
  log::write(level, "connection.closed",
             {{"client_id", client_id().text()},
              {"user_id", is_identified() ? identity().user_id : 0},
              {"reason", name(reason)}});
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

SessionTyping& Session::typing() {
  if (!typing_) typing_ = std::make_unique<SessionTyping>(*this);
  return *typing_;
}

SessionPublishing& Session::publishing() {
  if (!publishing_) publishing_ = std::make_unique<SessionPublishing>(*this);
  return *publishing_;
}

const hub::Subscription* Session::subscription_to(std::string_view topic,
                                                  const hub::Interest* but) const noexcept {
  for (const std::unique_ptr<hub::Subscription>& subscription : subscriptions())
    if (subscription->topic->name == topic && subscription.get() != but) return subscription.get();
  return nullptr;
}

void Session::stop_typing(std::string_view topic) noexcept {
  if (typing_) typing_->end(topic);
}

void Session::on_low_water() {
  if (replay_) replay_->advance();
}

std::string Session::position_text() const {
  if (!is_identified()) return {};
  return Position{desk_.settings.epoch, position()}.text();
}

hub::FrameRef Session::own_frame(const hub::Event& event, const hub::Interest& interest) {
  return dialect_.own_frame(*this, event, interest);
}

void Session::subscription_lost(const hub::Subscription& subscription) noexcept {
  try {
    topics().lost(subscription);
  } catch (const std::bad_alloc&) {
    close(CloseReason::overloaded);
  }
}

// ---- what is counted ----

void Session::enter_counts() {
  counted_ = true;
  if (identity().is_guest()) return desk_.settings.metrics.guests.Increment();
  counted_role_ = identity().role;
  admission_.enter(counted_role_);
  // Judged in this turn, so the cache has it.
  if (const AccountRef account = desk_.authenticator.accounts().find(identity().user_id))
    online_ = desk_.presence.presence().online(account->id, account->name);
  desk_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Increment();
}

void Session::leave_counts() noexcept {
  if (!std::exchange(counted_, false)) return;
  if (identity().is_guest()) return desk_.settings.metrics.guests.Decrement();
  admission_.leave();
  if (typing_) typing_->end();
  for (const std::unique_ptr<hub::Subscription>& subscription : subscriptions()) subscription->presence = {};
  online_ = {};
  desk_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Decrement();
}

void Session::role_changed() noexcept {
  desk_.topics.judge_again(*this);
  desk_.flag_watching.role_changed(*this);
  dialect_.role_changed(*this);
  if (!counted_) return;
  desk_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Decrement();
  counted_role_ = identity().role;
  admission_.change(counted_role_);
  desk_.settings.metrics.connections[static_cast<std::size_t>(counted_role_)]->Increment();
}

hub::MemberInfo Session::info() const {
  return {client_id(),        identity().user_id,   identity().role, identity().is_guest(),
          transport_->name(), address_.to_string(), connected_at_,   identity().key};
}

// ---- what it hears and says ----

void Session::on_message(MessageKind kind, std::string_view payload) {
  desk_.settings.metrics.messages.Increment();
  if (stage_ == Stage::unidentified && says_too_much(payload.size())) return close(CloseReason::rate_limited);
  dialect_.read(*this, kind, payload);
}

bool Session::may_ask(const Command& command) const noexcept {
  return is_for_listeners(command) ||
         (identity().is_key() && is_one_of<AuthRefresh, WatchFlags, UnwatchFlags>(command));
}

void Session::ask(const RequestId& id, Command command) {
  try {
    if (!is_identified() && !std::holds_alternative<Refusal>(command))
      return answer(id, Refusal{name(ErrorCode::unauthorized), "Say first who you are."});
    if (is_identified() && !identity().is_user() && !may_ask(command))
      return answer(
          id, Refusal{name(ErrorCode::forbidden), "You only listen here. Connect again as a user for more."});
    std::visit([&](auto& what) { carry_out(id, what); }, command);
  } catch (...) {
    fail(id, std::current_exception());
  }
}

void Session::carry_out(const RequestId& id, PresenceQuery& asked) {
  const Result<json::object> who =
      desk_.presence.who_is_in(asked.topic, {identity().user_id, identity().role, exempt()});
  if (!who) return answer(id, refusal_of(who.error()));
  answer(id, JsonText{json::serialize(*who), {desk_.settings.rules.find(asked.topic)->subscribers, 0}});
}

void Session::answer_later(const RequestId& id, Task<> work) {
  asio::co_spawn(desk_.shard.context(), std::move(work),
                 [self = shared_from_this(), id](const std::exception_ptr& failure) {
                   if (failure) self->fail(id, failure);
                 });
}

void Session::fail(const RequestId& id, const std::exception_ptr& failure) noexcept {
  try {
    Error error(ErrorCode::internal_error, "Something went wrong here.");
    try {
      std::rethrow_exception(failure);
    } catch (const std::bad_alloc&) {
      log::error("session.out_of_memory");
      error = Error(ErrorCode::overloaded, "There is no memory for this now.");
    } catch (const std::exception& why) {
      log::error("session.request_failed", {{"cause", why.what()}});
    } catch (...) {
      log::error("session.request_failed");
    }
    if (!is_closing()) answer(id, refusal_of(error));
  } catch (const std::bad_alloc&) {
    close(CloseReason::overloaded);
  }
}

// A client that asks for much and reads little is refused, not closed.
void Session::answer(const RequestId& id, const Outcome& outcome) {
  const auto* json = std::get_if<JsonText>(&outcome);
  if (json != nullptr && !has_room_for(json->text.size()))
    return dialect_.answer(
        *this, id,
        Refusal{name(ErrorCode::overloaded), "Too much waits for you already: read it, or ask for less."});
  dialect_.answer(*this, id, outcome);
}

bool Session::has_room_for(std::size_t answer_bytes) {
  if (answer_bytes <= large_answer_bytes) return true;
  desk_.shard.send_now(*this);
  return outbox().bytes() + answer_bytes <= std::uint64_t{outbox().limits().bytes_max} * 3 / 4;
}

void Session::push_text(std::string_view text, const hub::Audience& readers, MessageKind kind) {
  if (transport_ == nullptr) return;
  push_frame(transport_->wrap().frame(text, Wrap::Part::whole, readers, kind));
}

void Session::push_frame(const hub::FrameRef& frame) {
  if (stage_ == Stage::live) {
    desk_.shard.push(*this, frame);
  } else if (transport_ != nullptr) {
    if (outbox().push(frame) == hub::Push::full) return close(CloseReason::slow_consumer);
    transport_->flush();
  }
}

// ---- time ----

void Session::expire_at(std::int64_t seconds) {
  const Clock& clock = desk_.shard.clock();
  token_expires_at_ = seconds;
  due_ = clock.steady() + std::chrono::milliseconds(seconds * 1000 - clock.unix_ms());
  expiry_noticed_ = clock.steady() + expiry_notice >= due_;
  if (expiry_noticed_) tell(Expiring{token_expires_at_ * 1000});
  desk_.shard.expiries().arm(*this, expiry_noticed_ ? due_ : due_ - expiry_notice);
}

// A key that is past its end is as one that was revoked.
CloseReason Session::reason_of_expiry() const noexcept {
  return identity().is_key() ? CloseReason::session_revoked : CloseReason::token_expired;
}

void Session::on_due(SteadyTime now) noexcept {
  if (is_closing()) return;
  if (stage_ == Stage::unidentified) return close(CloseReason::auth_timeout);
  if (expiry_noticed_ || now >= due_) {
    if (identity().is_key()) outbox().discard_from_first_impersonal(0);
    return close(reason_of_expiry());
  }
  expiry_noticed_ = true;
  try {
    tell(Expiring{token_expires_at_ * 1000});
  } catch (const std::bad_alloc&) {
    log::error("session.out_of_memory");
  }
  desk_.shard.expiries().arm(*this, due_);
}

}  // namespace corohub::gateway
