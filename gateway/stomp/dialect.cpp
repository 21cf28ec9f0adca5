// The frames of a client: what each of them asks. What is answered stands in dialect_answers.cpp.
#include "gateway/stomp/dialect.hpp"

#include "gateway/session/session.hpp"
#include "gateway/stomp/credentials.hpp"
#include "gateway/stomp/flags.hpp"
#include "gateway/stomp/forms.hpp"
#include "gateway/stomp/tasks.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace corohub::gateway::stomp {
namespace {

constexpr std::string_view invalid = "invalid_message";

std::string_view receipt_of(const ClientFrame& frame) noexcept { return frame.headers.value("receipt"); }

std::string_view without_blanks(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The best of the versions that a client offers: without an offer it is a client of 1.0. Nothing: none is
// known.
std::optional<Version> choose_version(const Headers& headers) noexcept {
  std::optional<std::string_view> offer = headers.find("accept-version");
  if (!offer) return Version::v1_0;
  std::optional<Version> best;
  while (!offer->empty()) {
    const std::size_t comma = offer->find(',');
    const std::string_view offered = without_blanks(offer->substr(0, comma));
    for (const Version version : {Version::v1_0, Version::v1_1, Version::v1_2})
      if (offered == name(version) && (!best || version > *best)) best = version;
    offer->remove_prefix(comma == std::string_view::npos ? offer->size() : comma + 1);
  }
  return best;
}

}  // namespace

void StompDialect::choose_form(const Wrap& wrap) { form_ = &form_of(version_, wrap, !settings_.fragments); }

bool StompDialect::is_heartbeat(std::string_view payload) const noexcept {
  return !parser_.is_within_frame() && payload.find_first_not_of("\r\n") == std::string_view::npos;
}

SteadyTime StompDialect::now() const noexcept { return session_->desk().shard.now(); }

// ---- reading ----

void StompDialect::read(Session& session, MessageKind, std::string_view payload) {
  session_ = &session;
  heartbeat_.note_heard(now());
  if (waiting_)
    waiting_->rest.append(payload);  // as much as a client may say before it is known
  else
    read_frames(payload);
}

void StompDialect::read_frames(std::string_view bytes) {
  const hub::Sending::Burst burst = session_->desk().shard.burst();  // the answers leave together
  while (stage_ < Stage::leaving) {
    const Parser::Got got = parser_.next(bytes);
    if (got == Parser::Got::fault)
      return fail({parser_.fault().code, parser_.fault().message}, receipt_of(parser_.frame()));
    if (got == Parser::Got::nothing) break;
    frame_due_ = SteadyTime::max();
    const ClientFrame& frame = parser_.frame();
    if (is_stranger_that_says_too_much()) return fail(frame, "rate_limited", "Say first who you are.");
    sends_too_fast() ? hold_back_sender(frame) : act_on(frame);
    if (!waiting_) continue;
    waiting_->rest = bytes;
    return;
  }
  behind_since_ = SteadyTime::max();
  if (!parser_.is_within_frame()) {
    frame_due_ = SteadyTime::max();
  } else if (frame_due_ == SteadyTime::max()) {
    frame_due_ = now() + frame_time_max;
    arm();
  }
}

void StompDialect::act_on(const ClientFrame& frame) {
  const bool is_connect = frame.command == ClientCommand::connect;
  if (is_connect && stage_ != Stage::expects_connect)
    return fail(frame, invalid, "This connection has had its CONNECT.");
  if (!is_connect && stage_ == Stage::expects_connect) return fail(frame, invalid, "CONNECT comes first.");
  switch (frame.command) {
    case ClientCommand::connect:
      return connect(frame);
    case ClientCommand::send:
      return send(frame);
    case ClientCommand::subscribe:
      return subscribe(frame);
    case ClientCommand::unsubscribe:
      return unsubscribe(frame);
    case ClientCommand::ack:
    case ClientCommand::nack:
      return acknowledge(frame);
    case ClientCommand::begin:
      return begin(frame);
    case ClientCommand::commit:
      return commit(frame);
    case ClientCommand::abort:
      return abort(frame);
    case ClientCommand::disconnect:
      return disconnect(frame);
  }
}

void StompDialect::ask(const Request& request, Command command) {
  ++under_way_;
  session_->ask(request.text(), std::move(command));
}

// ---- CONNECT, and who the client is ----

void StompDialect::connect(const ClientFrame& frame) {
  const std::optional<Version> version = choose_version(frame.headers);
  if (!version) return fail({"invalid_request", "Versions 1.0, 1.1 and 1.2 are spoken here."});
  version_ = *version;
  parser_.set_version(version_);
  choose_form(session_->transport()->wrap());
  if (const auto offer = frame.headers.find("heart-beat"); offer && version_ != Version::v1_0) {
    const std::optional<Heartbeat> agreed = Heartbeat::agree(*offer, now());
    if (!agreed) return fail({invalid, "heart-beat is two numbers of milliseconds."});
    heartbeat_ = *agreed;
  }
  std::optional<Understood<Credential>> credential = read_credential(frame);
  if (!credential) return welcome();
  if (!*credential) return refused({Request::Kind::connect}, credential->error());
  if (session_->is_identified())
    return refused({Request::Kind::connect}, {"invalid_request", "The address has a credential already."});
  last_token_ = std::hash<std::string>()((*credential)->text);
  stage_ = Stage::judging;
  keep_waiting(frame);
  ++under_way_;
  session_->authenticate(Request{Request::Kind::connect}.text(), std::move(**credential));
}

// A client that is known already renews its login so, or repeats what it said before.
bool StompDialect::waits_for_credential(const ClientFrame& frame) {
  std::optional<Understood<Credential>> credential = read_credential(frame);
  if (!credential) return false;
  const auto kind = session_->is_identified() ? Request::Kind::refresh : Request::Kind::credential;
  const Request request{kind, 0, std::string(receipt_of(frame))};
  if (!*credential) {
    refused(request, credential->error());
    return true;
  }
  const std::size_t token = std::hash<std::string>()((*credential)->text);
  if (session_->is_identified() && token == last_token_) return false;
  last_token_ = token;
  ++under_way_;
  if (request.kind == Request::Kind::credential) {
    stage_ = Stage::judging;
    keep_waiting(frame);
  }
  session_->authenticate(request.text(), std::move(**credential));
  return request.kind == Request::Kind::credential || stage_ == Stage::ended;
}

void StompDialect::keep_waiting(const ClientFrame& frame) {
  waiting_ = std::make_unique<Waiting>(Waiting{frame, std::string(frame.body), {}});
}

void StompDialect::go_on() {
  const std::unique_ptr<Waiting> waiting = std::move(waiting_);
  heartbeat_.note_heard(now());  // it was not listened to meanwhile
  const bool was_judged = std::exchange(stage_, Stage::connected) == Stage::judging;
  waiting->frame.body = waiting->body;
  if (was_judged && waiting->frame.command == ClientCommand::connect)
    welcome();
  else
    act_on(waiting->frame);
  if (waiting_)
    waiting_->rest = std::move(waiting->rest);
  else
    read_frames(waiting->rest);
}

Result<> StompDialect::may_ask(bool is_for_guests) {
  const bool is_known = session_->is_identified();
  if (is_known && (is_for_guests || !session_->identity().is_guest())) return {};
  if (!is_known && is_for_guests) return session_->enter_as_guest();
  return Error(ErrorCode::unauthorized, "Say first who you are.");
}

bool StompDialect::is_held_back(const ClientFrame& frame) {
  if (session_->topics().may_change()) return false;
  hold_back(frame);
  return true;
}

bool StompDialect::sends_too_fast() {
  if (session_->exempt() || !session_->is_identified()) return false;
  const SteadyTime time = session_->desk().shard.clock().steady();
  if (!frames_left_) frames_left_ = std::make_unique<TokenBucket>(settings_.frames, time);
  return !frames_left_->take(settings_.frames, time);
}

bool StompDialect::is_stranger_that_says_too_much() noexcept {
  return !session_->is_identified() && ++frames_of_stranger_ > unidentified_frames_max;
}

// A client at the limit has caught up in a moment; one beyond it never does.
void StompDialect::hold_back_sender(const ClientFrame& frame) {
  const SteadyTime time = now();
  if (behind_since_ == SteadyTime::max()) behind_since_ = time;
  if (time - behind_since_ > patience) return fail(frame, "rate_limited", "You send faster than you may.");
  hold_back(frame);
}

void StompDialect::hold_back(const ClientFrame& frame) {
  keep_waiting(frame);
  session_->transport()->pause_reading();
  pause_ends_ = now() + pause;
  arm();
}

// ---- subscriptions ----

void StompDialect::subscribe(const ClientFrame& frame) {
  Understood<SubscribeFrame> asked = read_subscribe(frame, version_);
  if (!asked) return refuse_subscribe(frame, asked.error());
  if (waits_for_credential(frame)) return;
  const Destination place = asked->subscription.place();
  if (const Result<> may = may_ask(place.is_for_guests()); !may)
    return fail(refusal_of(may.error()), receipt_of(frame));
  if (!has_room_for(place))
    return refuse_subscribe(frame, {"rate_limited", "You have as many subscriptions as you may."});
  const bool is_of_hub = place.kind != Destination::Kind::answers;
  if (is_of_hub && is_held_back(frame)) return;
  const Subscription* added = subscriptions_.add(std::move(asked->subscription));
  if (added == nullptr) return refuse_subscribe(frame, {invalid, "A subscription has this id already."});
  const Request request{Request::Kind::subscribe, added->label, std::string(receipt_of(frame))};
  if (!is_of_hub) {
    say_receipt(request.receipt);
    // The notice may have come before anybody listened.
    if (const std::optional<UnixMs> end = session_->expires_soon()) say_when_it_expires(*end);
    return;
  }
  asked->command.label = added->label;
  if (settings_.fragments)
    asked->command.prefix = session_->transport()->wrap().frame(
        begin_message(version_, *added).head(), Wrap::Part::first, hub::Audience::one_connection());
  ask(request, std::move(asked->command));
}

// Each answer to a guest is one message, however often it listens.
bool StompDialect::has_room_for(const Destination& place) {
  if (!session_->identity().is_guest()) return subscriptions_.make_room(Subscriptions::count_max);
  const bool listens_twice = place.kind == Destination::Kind::answers && subscriptions_.has_listener();
  return !listens_twice && subscriptions_.make_room(Subscriptions::count_of_guest_max);
}

void StompDialect::refuse_subscribe(const ClientFrame& frame, const Refusal& refusal) {
  const Destination place = parse_destination(frame.headers.value("destination"));
  if (!place.is_of_flags() || !subscriptions_.has_listener()) return fail(refusal, receipt_of(frame));
  say_refusal(refusal);
  say_receipt(receipt_of(frame));
}

void StompDialect::unsubscribe(const ClientFrame& frame) {
  const std::string_view id = frame.headers.value("id");
  const std::string_view destination = frame.headers.value("destination");
  if (id.empty() && version_ != Version::v1_0) return fail(frame, invalid, "UNSUBSCRIBE needs an id.");
  const Subscription* found = subscriptions_.find(id, destination);
  if (found == nullptr) return fail(frame, not_subscribed, "You have no subscription of this name.");
  const Subscription ended = *found;
  const Destination place = ended.place();
  const bool is_of_hub = !ended.is_revoked && place.kind != Destination::Kind::answers;
  if (is_of_hub && is_held_back(frame)) return;
  subscriptions_.remove(ended.label);
  if (!is_of_hub) return say_receipt(receipt_of(frame));
  ask({Request::Kind::plain, 0, std::string(receipt_of(frame))},
      Unsubscribe{std::string(place.name), ended.label});
}

// Nothing is sent again, so there is nothing to do.
void StompDialect::acknowledge(const ClientFrame& frame) {
  if (version_ == Version::v1_0 && frame.command == ClientCommand::nack)
    return fail(frame, invalid, "1.0 has no NACK.");
  const std::string_view header = version_ == Version::v1_2 ? "id" : "message-id";
  if (!frame.headers.find(header))
    return fail(frame, invalid, "ACK and NACK need the header " + std::string(header) + ".");
  say_receipt(receipt_of(frame));
}

// ---- SEND ----

void StompDialect::send(const ClientFrame& frame) {
  const std::optional<std::string_view> destination = frame.headers.find("destination");
  if (!destination) return fail(frame, invalid, "SEND needs a destination.");
  // Of a client that is known, the header is one like others: a SUBSCRIBE or a task renews its login.
  if (!session_->is_identified() && waits_for_credential(frame)) return;
  const Destination place = parse_destination(*destination);
  if (const Result<> may = may_ask(place.is_task_of_flags()); !may)
    return fail(refusal_of(may.error()), receipt_of(frame));
  if (place.kind == Destination::Kind::topic) return publish(frame, place.name);
  if (place.kind == Destination::Kind::app) return do_task(frame, place.name);
  if (place.kind == Destination::Kind::unknown)
    return fail(frame, "invalid_topic", "There is no such destination to send to.");
  fail(frame, "forbidden", "Only the server sends there.");
}

void StompDialect::publish(const ClientFrame& frame, std::string_view topic) {
  Understood<Publication> publication = read_publication(frame, topic);
  if (!publication) return fail(publication.error(), receipt_of(frame));
  const std::optional<std::string_view> transaction = frame.headers.find("transaction");
  if (!transaction)
    return ask({Request::Kind::plain, 0, std::string(receipt_of(frame))}, std::move(*publication));
  using Done = Transactions::Done;
  const Done done = transactions_ ? transactions_->add(*transaction, std::move(*publication)) : Done::unknown;
  if (done == Done::done) return say_receipt(receipt_of(frame));
  if (done == Done::unknown) return fail(frame, invalid, "There is no such transaction.");
  fail(frame, "payload_too_large", "A transaction has at most 64 frames and 256 KiB.");
}

void StompDialect::do_task(const ClientFrame& frame, std::string_view name) {
  if (frame.headers.find("transaction")) return fail(frame, invalid, "This is no part of a transaction.");
  if (name == "subscribe" || name == "unsubscribe") return ask_about_flags(frame, name);
  ask({Request::Kind::task, 0, std::string(receipt_of(frame)),
       std::string(frame.headers.value("correlation-id"))},
      read_task(name, frame.body));
}

// In STOMP a client names its subscriptions, so these tasks begin and end none.
void StompDialect::ask_about_flags(const ClientFrame& frame, std::string_view task) {
  const Request request{Request::Kind::task, 0, std::string(receipt_of(frame)),
                        std::string(frame.headers.value("correlation-id"))};
  const Understood<std::string> asked = read_flag_topic(frame.body);
  if (!asked) return refused(request, asked.error());
  const TopicRights& rights = session_->desk().topics;
  const std::string_view topic = rights.topic_of_environment(*asked);
  const bool begins = task == "subscribe";
  if (begins && rights.readable(topic, session_->identity()) == nullptr)
    return refused(request, invalid_namespace());
  const std::string_view what = begins ? "Successfully subscribed to " : "Successfully unsubscribed from ";
  say_status({{"corohub-type", "reply"}, {"correlation-id", request.correlation}},
             std::string(what) + flag_updates_of(topic));
  say_receipt(request.receipt);
}

// ---- transactions ----

void StompDialect::begin(const ClientFrame& frame) {
  const std::string_view transaction = frame.headers.value("transaction");
  if (transaction.empty()) return fail(frame, invalid, "BEGIN needs a transaction.");
  if (!transactions_) transactions_ = std::make_unique<Transactions>();
  using Done = Transactions::Done;
  switch (transactions_->begin(transaction)) {
    case Done::done:
      return say_receipt(receipt_of(frame));
    case Done::already_open:
      return fail(frame, invalid, "This transaction has begun already.");
    case Done::too_many:
      return fail(frame, "rate_limited", "You have as many transactions as you may.");
    case Done::unknown:
    case Done::too_large:
      return fail(frame, invalid, "The name of the transaction is too long.");
  }
}

void StompDialect::commit(const ClientFrame& frame) {
  std::optional<std::vector<Publication>> publications;
  if (transactions_) publications = transactions_->end(frame.headers.value("transaction"));
  if (!publications) return fail(frame, invalid, "There is no such transaction.");
  if (publications->empty()) return say_receipt(receipt_of(frame));
  ask({Request::Kind::plain, 0, std::string(receipt_of(frame))}, PublishAll{std::move(*publications)});
}

void StompDialect::abort(const ClientFrame& frame) {
  if (!transactions_ || !transactions_->end(frame.headers.value("transaction")))
    return fail(frame, invalid, "There is no such transaction.");
  say_receipt(receipt_of(frame));
}

// ---- the end ----

void StompDialect::disconnect(const ClientFrame& frame) {
  receipt_of_disconnect_ = receipt_of(frame);
  stage_ = Stage::leaving;
  if (under_way_ == 0) leave();
}

void StompDialect::fail(const ClientFrame& frame, std::string_view code, std::string message) {
  fail({code, std::move(message)}, receipt_of(frame));
}

}  // namespace corohub::gateway::stomp
