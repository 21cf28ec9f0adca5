#include "gateway/socketio/recovery.hpp"

#include "auth/signer.hpp"
#include "core/encoding.hpp"
#include "core/random.hpp"
#include "gateway/session/event_query.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <functional>

namespace corohub::gateway::socketio {
namespace {

constexpr std::size_t pid_bytes_max = 256;
constexpr std::size_t random_bytes_of_pid = 12;

// No token's signed text has a line end.
std::string signed_text(std::string_view random, const hub::Identity& who, std::string_view name_space) {
  std::string text = "corohub: seat of Socket.IO, 1\n";
  text.append(random).append(1, '\n');
  if (who.is_key())
    text.append("key ")
        .append(std::to_string(who.key->key_id))
        .append(1, ' ')
        .append(std::to_string(who.key->client_id));
  else
    text.append(who.is_guest() ? "guest" : "user " + std::to_string(who.user_id));
  return text.append(1, '\n').append(name_space);
}

}  // namespace

// ---- pids ----

std::string Pids::issue(const hub::Identity& who, std::string_view name_space) const {
  const std::shared_ptr<const auth::KeyRing> ring = keys_.ring();
  const std::string random = random_token(random_bytes_of_pid);
  const std::string mac = auth::signer_for(*ring, ring->active()).sign(signed_text(random, who, name_space));
  return ring->active().id + "." + random + "." + base64url(mac);
}

bool Pids::is_good(std::string_view pid, const hub::Identity& who, std::string_view name_space) const {
  if (pid.size() > pid_bytes_max) return false;
  const std::string_view key_id = http::cut(pid, '.');
  const std::string_view random = http::cut(pid, '.');
  const std::optional<std::string> mac = from_base64url(pid);
  const std::shared_ptr<const auth::KeyRing> ring = keys_.ring();
  const auth::Key* const key = ring->find(key_id, clock_.unix_ms());
  if (!mac || key == nullptr) return false;
  return auth::signer_for(*ring, *key).verify(signed_text(random, who, name_space), *mac);
}

// ---- topics ----

KeptTopics::Key KeptTopics::key_of(std::string_view pid) noexcept {
  return std::hash<std::string_view>()(pid);
}

std::size_t KeptTopics::bytes_of(const Kept& kept) noexcept {
  std::size_t bytes = 0;
  if (kept.topics == nullptr) return bytes;
  for (const std::string& topic : kept.topics->followed) bytes += topic.size();
  for (const std::string& topic : kept.topics->revoked) bytes += topic.size();
  return bytes;
}

KeptTopics::Place KeptTopics::begin(std::string_view pid) {
  const std::lock_guard lock(mutex_);
  forget_old();
  const Key key = key_of(pid);
  const auto [found, is_new] = all_.try_emplace(key);
  Kept& kept = found->second;
  if (!is_new && kept.seat == 0) {
    ended_.erase(kept.place);
    bytes_ -= bytes_of(kept);
  }
  kept.seat = ++last_seat_;
  return {key, kept.seat};
}

KeptTopics::Kept* KeptTopics::find(const Place& place) noexcept {
  const auto found = all_.find(place.pid);
  return found != all_.end() && found->second.seat == place.seat ? &found->second : nullptr;
}

void KeptTopics::add(const Place& place, std::string_view topic) {
  const std::lock_guard lock(mutex_);
  Kept* const kept = find(place);
  if (kept == nullptr) return;
  if (kept->topics == nullptr) kept->topics = std::make_unique<SeatTopics>();
  auto& [followed, revoked] = *kept->topics;
  std::erase(revoked, topic);
  if (std::ranges::find(followed, topic) == followed.end()) followed.emplace_back(topic);
}

void KeptTopics::remove(const Place& place, std::string_view topic) noexcept {
  const std::lock_guard lock(mutex_);
  Kept* const kept = find(place);
  if (kept != nullptr && kept->topics != nullptr) std::erase(kept->topics->followed, topic);
}

void KeptTopics::revoke(const Place& place, std::string_view topic) {
  const std::lock_guard lock(mutex_);
  Kept* const kept = find(place);
  if (kept == nullptr || kept->topics == nullptr || std::erase(kept->topics->followed, topic) == 0) return;
  if (kept->topics->revoked.size() < subscriptions_max) kept->topics->revoked.emplace_back(topic);
}

void KeptTopics::end(const Place& place, bool may_return) noexcept {
  const std::lock_guard lock(mutex_);
  Kept* const kept = find(place);
  if (kept == nullptr) return;
  try {
    if (may_return) kept->place = ended_.insert(ended_.end(), place.pid);
  } catch (const std::bad_alloc&) {
    may_return = false;
  }
  if (!may_return) {
    all_.erase(place.pid);
    return;
  }
  kept->seat = 0;
  kept->ended = clock_.steady();
  bytes_ += bytes_of(*kept);
  forget_old();
}

std::optional<SeatTopics> KeptTopics::find(std::string_view pid) {
  const std::lock_guard lock(mutex_);
  forget_old();
  const auto found = all_.find(key_of(pid));
  if (found == all_.end()) return std::nullopt;
  return found->second.topics != nullptr ? *found->second.topics : SeatTopics();
}

std::size_t KeptTopics::size() const {
  const std::lock_guard lock(mutex_);
  return all_.size();
}

void KeptTopics::forget_old() noexcept {
  const SteadyTime now = clock_.steady();
  while (!ended_.empty()) {
    const auto oldest = all_.find(ended_.front());
    const bool is_old = now - oldest->second.ended >= limits_.time;
    if (!is_old && ended_.size() <= limits_.seats && bytes_ <= limits_.bytes) return;
    bytes_ -= bytes_of(oldest->second);
    ended_.pop_front();
    all_.erase(oldest);
  }
}

}  // namespace corohub::gateway::socketio
