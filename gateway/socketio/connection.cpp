#include "gateway/socketio/connection.hpp"

#include "core/log.hpp"
#include "gateway/session/beginning.hpp"
#include "gateway/socketio/berth.hpp"
#include "gateway/socketio/seat.hpp"
#include "http/response.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway::socketio {
namespace {

constexpr SteadyTime never = SteadyTime::max();

}  // namespace

ConnectionMetrics::ConnectionMetrics()
    : refused(metrics::counter("corohub_socketio_connects_refused_total",
                               "Packets CONNECT of Socket.IO that were refused.")),
      recovered(metrics::counter("corohub_socketio_recovered_total",
                                 "Seats of Socket.IO that went on where they were.")),
      malformed(metrics::counter("corohub_socketio_malformed_total",
                                 "Connections of Socket.IO ended for a packet that is none.")) {}

// What a CONNECT asks for.
struct Connection::Asked {
  Asked(const Vocabulary& where, json::object said) : vocabulary(where), auth(std::move(said)) {}

  const Vocabulary& vocabulary;
  json::object auth;
  std::string pid{};
  std::optional<Position> offset{};  // it goes on from there; nothing: it begins
  SeatTopics topics{};
  bool is_lost = false;  // what topics it had, nobody knows any more
  bool with_position = true;
};

Connection::Connection(const Desk& desk, Namespaces& namespaces, Newcomer newcomer)
    : desk_(desk),
      namespaces_(namespaces),
      stranger_(std::make_unique<Stranger>()),
      credential_(newcomer.credential.empty()
                      ? nullptr
                      : std::make_unique<const std::string>(std::move(newcomer.credential))),
      address_(newcomer.address),
      exempt_(newcomer.exempt),
      is_local_(newcomer.is_local) {
  stranger_->place = std::move(newcomer.place);
}

Connection::~Connection() = default;

// ---- engineio::Listener ----

void Connection::on_open(engineio::Link& link) {
  link_ = &link;
  wait_for_connect();
}

void Connection::on_message(MessageKind kind, std::string_view payload) {
  if (stranger_ != nullptr && says_too_much(payload.size())) return end(CloseReason::rate_limited);
  if (kind == MessageKind::binary) return hear_buffer(payload);
  hear_packet(payload);
}

void Connection::on_throttled() {
  for (const std::unique_ptr<Occupant>& one : occupants_) one->on_throttled();
}

void Connection::on_rewrapped() {
  for (const std::unique_ptr<Occupant>& one : occupants_) one->on_rewrapped();
}

void Connection::on_closed(CloseReason reason) noexcept {
  stop_being_stranger();
  link_ = nullptr;
  arriving_.reset();
  for (const std::unique_ptr<Occupant>& one : std::exchange(occupants_, {})) one->on_closed(reason);
}

// ---- what the client says ----

bool Connection::says_too_much(std::size_t bytes) noexcept {
  stranger_->bytes += bytes;
  return ++stranger_->packets > strangers_packets_max || stranger_->bytes > strangers_bytes_max;
}

void Connection::end(CloseReason reason) noexcept { link_->close(reason, Drain::yes); }

void Connection::break_off() noexcept {
  namespaces_.metrics.malformed.Increment();
  end(CloseReason::protocol_error);
}

Occupant* Connection::find(std::string_view name_space) const noexcept {
  const auto found = std::ranges::find_if(occupants_, [&](const std::unique_ptr<Occupant>& one) {
    return one->name_space() == name_space && !one->has_ended();
  });
  return found == occupants_.end() ? nullptr : found->get();
}

// Of one of the few namespaces that exist; 0: it is none of them.
std::uint8_t Connection::mark_of(std::string_view name_space) const noexcept {
  const auto& all = namespaces_.vocabularies;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i]->name_space() == name_space) return static_cast<std::uint8_t>(1U << i);
  return 0;
}

void Connection::hear_packet(std::string_view text) {
  const std::optional<Packet> packet = read_packet(text);
  if (!packet || arriving_ != nullptr) return break_off();
  if (packet->type == PacketType::connect) return connect(*packet);
  Occupant* const occupant = find(packet->name_space);
  if (occupant == nullptr && (ended_by_us_ & mark_of(packet->name_space)) == 0) return break_off();
  if (packet->type == PacketType::disconnect) return leave(*packet, occupant);
  if (packet->attachments == 0) return hear_event(*packet, {});
  Attachments attachments(std::string(text), packet->attachments, namespaces_.payload_bytes_max);
  arriving_ =
      std::make_unique<Arriving>(Arriving{std::move(attachments), desk_.shard.now() + attachments_time_max});
  arm();
}

void Connection::hear_buffer(std::string_view bytes) {
  if (arriving_ == nullptr) return break_off();
  if (!arriving_->packet.add(bytes)) return end(CloseReason::message_too_big);
  if (!arriving_->packet.is_complete()) return;
  const std::unique_ptr<Arriving> complete = std::move(arriving_);
  hear_event(*read_packet(complete->packet.text()), complete->packet.take_buffers());
}

// The server asks for no acknowledgements, so those that come are for nobody.
void Connection::hear_event(const Packet& packet, std::vector<std::string> buffers) {
  Occupant* const occupant = find(packet.name_space);
  if (packet.type == PacketType::ack || packet.type == PacketType::binary_ack)
    return is_array(packet.payload) ? void() : break_off();
  std::optional<Call> call = read_call(packet.payload, packet.id, std::move(buffers));
  if (!call && !is_too_much(packet.payload)) return break_off();
  if (occupant == nullptr) return;  // it has ended meanwhile
  if (call) return occupant->hear(std::move(*call));
  occupant->refuse(packet.id, {"invalid_message", "The event's JSON is more than is taken here."});
}

void Connection::leave(const Packet& packet, Occupant* occupant) noexcept {
  ended_by_us_ &= static_cast<std::uint8_t>(~mark_of(packet.name_space));
  if (occupant == nullptr) return;
  occupant->on_left();
  settle_later();
}

// ---- CONNECT ----

void Connection::connect(const Packet& packet) {
  if (find(packet.name_space) != nullptr) return break_off();
  std::optional<json::object> auth = read_auth(packet.payload);
  if (!auth && !is_too_much(packet.payload)) return break_off();
  if (!auth) return refuse(packet.name_space, Error(ErrorCode::validation_failed));
  ended_by_us_ &= static_cast<std::uint8_t>(~mark_of(packet.name_space));
  const Fixture* const fixture = namespaces_.fixture.get();
  if (fixture != nullptr && is_local_ && fixture->has(packet.name_space)) {
    const std::string_view said = packet.payload.empty() ? "{}" : packet.payload;
    occupants_.push_back(fixture->seat(*link_, packet.name_space, said));
    return stranger_.reset();  // no member of the hub stands for it: a drain finds it among the outsiders
  }
  const Vocabulary* const vocabulary = namespaces_.find(packet.name_space);
  if (vocabulary == nullptr) {
    namespaces_.metrics.refused.Increment();
    return say(packet_head(PacketType::connect_error, packet.name_space) +
               R"({"message":"Invalid namespace"})");
  }
  // Nothing is read until it is judged: what the client says next finds its seat, or that there is none.
  link_->pause_reading();
  asio::co_spawn(desk_.shard.context(), judge(shared_from_this(), Asked(*vocabulary, std::move(*auth))),
                 [self = shared_from_this()](const std::exception_ptr& failure) {
                   if (!failure || self->link_ == nullptr) return;
                   log::error("socketio.connect_failed");
                   self->end(CloseReason::internal_error);
                 });
}

namespace {

// A member of CONNECT that is not the vocabulary's to read. Nothing: it is absent or null.
std::optional<json::value> take(json::object& auth, std::string_view key) {
  const auto found = auth.find(key);
  if (found == auth.end()) return std::nullopt;
  json::value value = std::move(found->value());
  auth.erase(found);
  if (value.is_null()) return std::nullopt;
  return value;
}

std::string take_text(json::object& auth, std::string_view key) {
  const std::optional<json::value> value = take(auth, key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

// That of the packet counts; what is no text is no good one.
std::string Connection::credential_of(Asked& asked) const {
  const std::optional<json::value> token = take(asked.auth, "token");
  if (!token) return credential_ != nullptr ? *credential_ : std::string();
  return token->is_string() ? std::string(token->get_string()) : "no text";
}

Task<> Connection::judge(std::shared_ptr<Connection> /*keeps this*/, Asked asked) {
  if (!is_open()) co_return;
  std::string credential = credential_of(asked);
  asked.pid = take_text(asked.auth, "pid");
  if (const Result<Position> offset = parse_position(take_text(asked.auth, "offset"))) asked.offset = *offset;
  const std::optional<json::value> recovery = take(asked.auth, "recovery");
  asked.with_position = !recovery || !recovery->is_bool() || recovery->get_bool();
  Result<> seated;
  if (credential.empty())
    seated = seat_guest(asked);
  else
    seated = co_await seat_holder(asked, std::move(credential));
  if (link_ == nullptr) co_return;
  if (!seated) refuse(asked.vocabulary.name_space(), seated.error());
  link_->resume_reading();
}

Task<Result<>> Connection::seat_holder(Asked& asked, std::string credential) {
  Result<Entrant> entrant = co_await find_entrant(desk_, std::move(credential));
  if (!entrant) co_return failure_of(entrant.error());
  if (!is_open()) co_return Result<>();
  if (const Result<Seating> seating = admit(asked, entrant->identity()); !seating) co_return seating.error();
  Result<hub::Roster::Admission> place = place_of(*entrant);
  if (!place) co_return place.error();
  EventQuery events;
  events.since = asked.offset;
  events.topics = asked.topics.followed;
  Result<Beginning> beginning =
      co_await look_up(desk_, namespaces_.writer.committed_seq(), std::move(events));
  if (!is_open()) co_return Result<>();
  // As it is after the wait.
  if (beginning) entrant = judge_again(desk_, *entrant);
  if (!beginning || !entrant) {
    place = hub::Roster::Admission();
    take_place();
    co_return beginning ? entrant.error() : beginning.error();
  }
  co_return begin(asked, std::move(*entrant), std::move(*place), std::move(*beginning));
}

// Once more, because what somebody may see can have changed meanwhile.
Result<> Connection::begin(Asked& asked, Entrant entrant, hub::Roster::Admission place, Beginning beginning) {
  Result<Seating> seating = admit(asked, entrant.identity());
  if (!seating) {
    place = hub::Roster::Admission();
    take_place();
    return seating.error();
  }
  Seat& dialect = Seat::make(asked.vocabulary, terms_of(asked, std::move(*seating), entrant.identity()));
  std::shared_ptr<Session> session = make_session(desk_, dialect,
                                                  Arrival{.admission = std::move(place),
                                                          .address = address_,
                                                          .exempt = exempt_,
                                                          .entrant = std::move(entrant),
                                                          .beginning = std::move(beginning)});
  seat(std::move(session), dialect).open();
  return {};
}

Result<> Connection::seat_guest(Asked& asked) {
  const hub::Identity who = hub::Identity::guest();
  asked.offset.reset();  // a guest is told all that is to be told, each time
  Result<Seating> seating = admit(asked, who);
  if (!seating) return seating.error();
  Result<hub::Roster::Admission> place =
      stranger_ != nullptr ? std::move(stranger_->place) : desk_.reception.admit_stranger(address_, exempt_);
  if (!place) return place.error();
  Seat& dialect = Seat::make(asked.vocabulary, terms_of(asked, std::move(*seating), who));
  const std::shared_ptr<Session> session = make_session(
      desk_, dialect,
      Arrival{.admission = std::move(*place), .address = address_, .exempt = exempt_, .may_identify = true});
  Berth& berth = seat(session, dialect);
  berth.open();
  if (const Result<> entered = session->enter_as_guest(); !entered) {
    berth.on_left();
    settle_later();
    return entered;
  }
  dialect.tell(*session, Welcome{desk_.shard.head(), false, 0});
  return {};
}

// Also what it goes on with.
Result<Seating> Connection::admit(Asked& asked, const hub::Identity& who) {
  const std::string_view name_space = asked.vocabulary.name_space();
  const bool resumes = asked.offset && namespaces_.pids.is_good(asked.pid, who, name_space);
  if (!resumes) asked.offset.reset();
  Result<Seating> seating = asked.vocabulary.admit(desk_, who, asked.auth, resumes);
  if (!seating) return seating;
  asked.topics.followed = seating->topics;
  if (!resumes || !asked.vocabulary.keeps_topics()) return seating;
  std::optional<SeatTopics> kept = namespaces_.kept.find(asked.pid);
  asked.is_lost = !kept;
  if (kept) asked.topics = std::move(*kept);
  return seating;
}

// It had a place as a stranger, and needs one only.
Result<hub::Roster::Admission> Connection::place_of(const Entrant& entrant) {
  if (stranger_ != nullptr) stranger_->place = hub::Roster::Admission();
  Result<hub::Roster::Admission> place = place_for(desk_.reception, entrant, address_, exempt_);
  if (!place) take_place();
  return place;
}

SeatTerms Connection::terms_of(const Asked& asked, Seating seating, const hub::Identity& who) {
  SeatTerms terms{.state = std::move(seating.state), .with_position = asked.with_position};
  if (asked.offset) {
    terms.old_pid = asked.pid;
    terms.offset = asked.offset->seq;
  }
  const bool is_recovered_later = asked.with_position && !who.is_guest();
  if (!is_recovered_later) return terms;
  terms.new_pid = namespaces_.pids.issue(who, asked.vocabulary.name_space());
  terms.is_lost = asked.is_lost;
  terms.recovered = &namespaces_.metrics.recovered;
  if (asked.vocabulary.keeps_topics()) {
    terms.kept = &namespaces_.kept;
    terms.topics = asked.topics;
  }
  return terms;
}

Berth& Connection::seat(std::shared_ptr<Session> session, Seat& seat) {
  auto berth = std::make_unique<Berth>(*this, std::move(session), seat);
  Berth& one = *berth;
  occupants_.push_back(std::move(berth));
  stop_being_stranger();
  link_->allow_large_messages();
  return one;
}

// Whoever proves to be nobody counts by its address.
Error Connection::failure_of(const Error& error) {
  return desk_.reception.count_failure(address_, exempt_).value_or(error);
}

void Connection::refuse(std::string_view name_space, const Error& error) {
  namespaces_.metrics.refused.Increment();
  const json::object said{{"message", http::short_words(error.code)}, {"data", {{"code", name(error.code)}}}};
  say(packet_head(PacketType::connect_error, name_space) + json::serialize(said));
}

void Connection::say(std::string_view packet) {
  const hub::FrameRef frame = link_->wrap().frame(packet, Wrap::Part::whole, hub::Audience::one_connection());
  hub::Outbox& outbox = link_->own_outbox();
  forget_what_was_taken();
  const bool is_too_much = outbox.bytes() + frame->size() > said_bytes_max + left_bytes_;
  if (is_too_much || outbox.push(frame) == hub::Push::full)
    return link_->close(CloseReason::slow_consumer, Drain::no);
  link_->flush();
}

void Connection::forget_what_was_taken() noexcept {
  left_bytes_ = std::min<std::size_t>(left_bytes_, link_->own_outbox().bytes());
}

// ---- a client without a seat ----

void Connection::wait_for_connect() {
  stranger_->due = desk_.shard.now() + connect_time_max;
  desk_.reception.outsiders().add(*this, weak_from_this(), desk_.shard.context());
  arm();
}

void Connection::become_stranger() noexcept {
  try {
    stranger_ = std::make_unique<Stranger>();
    wait_for_connect();
  } catch (const std::bad_alloc&) {
    return link_->close(CloseReason::overloaded, Drain::no);
  }
  take_place();
}

void Connection::stop_being_stranger() noexcept {
  stranger_.reset();
  desk_.reception.outsiders().remove(*this);
}

// A client that has no seat, or gets none now, is in the place of a stranger.
void Connection::take_place() noexcept {
  if (stranger_ == nullptr || link_ == nullptr) return;
  Result<hub::Roster::Admission> place = desk_.reception.admit_stranger(address_, exempt_);
  if (!place) return link_->close(CloseReason::overloaded, Drain::yes);
  stranger_->place = std::move(*place);
}

void Connection::send_away() noexcept {
  if (link_ != nullptr) link_->close(CloseReason::draining, Drain::yes);
}

// ---- time, and the end of seats ----

void Connection::send_off(Berth& berth) noexcept {
  ended_by_us_ |= mark_of(berth.name_space());
  const Session& session = berth.session();
  hub::Outbox& waits = berth.session().outbox();
  berth.channel().flush();
  waits.discard_from_first_impersonal(session.is_identified() ? session.identity().user_id : 0);
  forget_what_was_taken();
  try {
    if (const std::optional<std::size_t> left = berth.channel().hand_over()) {
      left_bytes_ += static_cast<std::uint32_t>(*left);
      say(packet_head(PacketType::disconnect, berth.name_space()));
    } else {
      link_->close(CloseReason::slow_consumer, Drain::no);
    }
    settle_later();
  } catch (const std::bad_alloc&) {
    link_->close(CloseReason::overloaded, Drain::no);
  }
}

void Connection::settle_later() noexcept {
  if (std::exchange(settles_, true)) return;
  try {
    asio::post(desk_.shard.context(), [self = shared_from_this()] { self->settle(); });
  } catch (const std::bad_alloc&) {
    settles_ = false;
    link_->close(CloseReason::overloaded, Drain::no);  // whose end they are told with
  }
}

void Connection::settle() noexcept {
  settles_ = false;
  if (link_ == nullptr) return;
  for (std::size_t i = occupants_.size(); i-- > 0;) {
    if (!occupants_[i]->has_ended()) continue;
    const std::unique_ptr<Occupant> ended = std::move(occupants_[i]);
    occupants_.erase(occupants_.begin() + static_cast<std::ptrdiff_t>(i));
    ended->on_closed(CloseReason::normal);
  }
  if (occupants_.empty() && stranger_ == nullptr && link_->is_open()) become_stranger();
}

void Connection::arm() noexcept {
  const SteadyTime stranger = stranger_ != nullptr ? stranger_->due : never;
  const SteadyTime arriving = arriving_ != nullptr ? arriving_->due : never;
  const SteadyTime due = std::min(stranger, arriving);
  if (due != never) desk_.shard.wheel().arm_by(*this, due);
}

void Connection::on_due(SteadyTime now) noexcept {
  if (link_ == nullptr) return;
  if (stranger_ != nullptr && now >= stranger_->due) return end(CloseReason::auth_timeout);
  if (arriving_ != nullptr && now >= arriving_->due) return end(CloseReason::message_timeout);
  arm();
}

}  // namespace corohub::gateway::socketio
