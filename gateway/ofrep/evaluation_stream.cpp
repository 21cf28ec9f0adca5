#include "gateway/ofrep/evaluation_stream.hpp"

#include "core/log.hpp"
#include "gateway/ofrep/streams.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace corohub::gateway::ofrep {
namespace {

// What waits for a client that does not read. Each message makes the ones before it worthless.
const hub::OutboxLimits outbox_limits{.messages_max = 64, .bytes_max = 64 << 10};

constexpr std::chrono::milliseconds key_interval{10'000};

// For a member that hears no events.
class NoForm final : public hub::Form {
 public:
  hub::FrameRef encode(const hub::Event&, std::string_view) const override { return nullptr; }
};
const NoForm no_form;

}  // namespace

EvaluationStream::EvaluationStream(Streams& streams, StreamStart start)
    : Member(ClientId::random(), outbox_limits),
      streams_(streams),
      caller_(std::move(start.caller)),
      place_(std::move(start.place)),
      known_(std::move(start.known)),
      keys_ended_(start.keys_ended),
      admission_(std::move(start.admission)),
      address_(start.address),
      began_(streams.desk().shard.clock().unix_ms()) {
  listen_only_when_asked();
}

// ---- the beginning ----

void EvaluationStream::on_open(Transport& transport) {
  transport_ = &transport;
  set_outlet(&transport.outlet());
  if (!streams_.may_stay(caller_, place_, keys_ended_))
    return transport.close(CloseReason::session_revoked, Drain::yes);
  enter();
  const Result<Place> now = place_now();
  const bool behind = now && is_behind(*now);
  const bool ours = known_.revision.epoch == streams_.epoch();
  // One that is behind and gets no further than this is behind when it comes again.
  const Position welcome = behind ? Position{streams_.epoch(), ours ? known_.revision.seq : 0} : position();
  say("id: " + welcome.text() + "\ndata: {\"type\":\"connected\"}\n\n");
  if (behind) refetch(std::chrono::milliseconds(0));
}

bool EvaluationStream::is_behind(const Place& now) const {
  return known_.revision.epoch != streams_.epoch() || known_.revision.seq < now.environment.revision ||
         known_.environment != now.environment.key || known_.role != caller_.viewer.role ||
         known_.client != client_text(now.who);
}

void EvaluationStream::enter() {
  hub::Shard& shard = streams_.desk().shard;
  shard.attach(*this, caller_.identity());
  streams_.add(*this);
  entered_ = true;
  if (caller_.viewer.kind != flags::Viewer::Kind::guest) count_as(caller_.viewer.role);
  look_at_key();
}

// The wall clock, by which a key ends, may be set: it is looked at again and again.
void EvaluationStream::look_at_key() noexcept {
  if (!caller_.key || !caller_.key->expires_at) return;
  hub::Shard& shard = streams_.desk().shard;
  const std::chrono::milliseconds left(*caller_.key->expires_at - shard.clock().unix_ms());
  if (left <= std::chrono::milliseconds(0)) return end();
  shard.expiries().arm(key_end_, shard.clock().steady() + std::min(left, key_interval));
}

// A guest has no role.
void EvaluationStream::count_as(Role role) noexcept {
  const auto& gauges = streams_.desk().settings.metrics.connections;
  if (counted_role_) gauges[static_cast<std::size_t>(*counted_role_)]->Decrement();
  if (counted_role_)
    admission_.change(role);
  else
    admission_.enter(role);
  counted_role_ = role;
  gauges[static_cast<std::size_t>(role)]->Increment();
}

void EvaluationStream::leave_counts() noexcept {
  if (!counted_role_) return;
  admission_.leave();
  streams_.desk().settings.metrics.connections[static_cast<std::size_t>(*counted_role_)]->Decrement();
  counted_role_.reset();
}

// ---- what it says ----

void EvaluationStream::say(std::string_view text) {
  if (transport_ == nullptr) return;
  const hub::FrameRef frame =
      transport_->wrap().frame(text, Wrap::Part::whole, hub::Audience::one_connection());
  streams_.desk().shard.push(*this, frame);
}

// What waits already will say the newest when its moment comes.
void EvaluationStream::refetch(std::chrono::milliseconds delay) noexcept {
  if (!entered_ || waiting_) return;
  waiting_ = true;
  hub::Shard& shard = streams_.desk().shard;
  const SteadyTime now = shard.now();
  const SteadyTime due = std::max(now + delay, next_at_);
  if (due <= now) return send_refetch();
  shard.wheel().arm(*this, due);
}

void EvaluationStream::on_due(SteadyTime) noexcept { send_refetch(); }

void EvaluationStream::send_refetch() noexcept {
  const hub::Shard& shard = streams_.desk().shard;
  waiting_ = false;
  next_at_ = shard.now() + refetch_interval;
  try {
    const Result<Place> now = place_now();
    if (!now) return;  // its end is under way
    const std::string seconds = std::to_string(shard.clock().unix_ms() / 1000);
    say("id: " + position().text() + "\nevent: message\n" +
        R"(data: {"type":"refetchEvaluation","etag":"\"r)" + std::to_string(now->environment.revision) +
        R"(\"","lastModified":)" + seconds + "}\n\n");
  } catch (const std::bad_alloc&) {
    dismiss(CloseReason::slow_consumer);
  }
}

Result<Place> EvaluationStream::place_now() const {
  return find_place(streams_.desk().flags, caller_, place_);
}

// A change is known to the shard before the events that it makes, which have the change's number.
Position EvaluationStream::position() const {
  const Result<Place> now = place_now();
  return {streams_.epoch(), std::max(streams_.desk().shard.head(), now ? now->environment.revision : 0)};
}

std::string EvaluationStream::position_text() const {
  return entered_ && !waiting_ ? position().text() : std::string();
}

// ---- hub::Member ----

const hub::Form& EvaluationStream::form() const noexcept { return no_form; }

// A rule may ask for the role.
void EvaluationStream::role_changed() noexcept {
  caller_.viewer.role = identity().role;
  if (counted_role_) count_as(identity().role);
  refetch(std::chrono::milliseconds(0));
}

hub::MemberInfo EvaluationStream::info() const {
  return {client_id(), identity().user_id,   identity().role, identity().is_guest(),
          "ofrep",     address_.to_string(), began_,          identity().key};
}

// ---- the end ----

void EvaluationStream::close(CloseReason reason) noexcept {
  outbox().close();
  leave_counts();
  if (transport_ == nullptr) return;
  transport_->close(reason, reason == CloseReason::slow_consumer ? Drain::no : Drain::yes);
}

void EvaluationStream::on_closed(CloseReason reason) noexcept {
  hub::Shard& shard = streams_.desk().shard;
  transport_ = nullptr;
  set_outlet(nullptr);
  outbox().close_and_clear();
  shard.wheel().disarm(*this);
  shard.expiries().disarm(key_end_);
  if (std::exchange(entered_, false)) streams_.remove(*this);
  shard.detach(*this);
  leave_counts();
  admission_ = hub::Roster::Admission();
  streams_.desk().settings.metrics.closes[static_cast<std::size_t>(reason)]->Increment();
  log::debug("ofrep.stream_closed", {{"client_id", client_id().text()}, {"reason", name(reason)}});
}

}  // namespace corohub::gateway::ofrep
