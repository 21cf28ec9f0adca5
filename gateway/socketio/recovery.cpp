#include "gateway/socketio/recovery.hpp"

#include "auth/signer.hpp"
#include "core/encoding.hpp"
#include "core/random.hpp"
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

KeptTopics::Place KeptTopics::begin(std::string_view pid) {
  const std::lock_guard lock(mutex_);
  forget_old();
  const Key key = key_of(pid);
  Kept& kept = all_[key];
  if (!kept.lives) {
    ended_.erase(kept.place);
    for (const std::string& topic : kept.topics) bytes_ -= topic.size();
    kept.lives = true;
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
  if (kept == nullptr || std::ranges::find(kept->topics, topic) != kept->topics.end()) return;
  kept->topics.emplace_back(topic);
}

void KeptTopics::remove(const Place& place, std::string_view topic) noexcept {
  const std::lock_guard lock(mutex_);
  if (Kept* const kept = find(place)) std::erase(kept->topics, topic);
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
  kept->lives = false;
  kept->ended = clock_.steady();
  for (const std::string& topic : kept->topics) bytes_ += topic.size();
  forget_old();
}

std::optional<std::vector<std::string>> KeptTopics::find(std::string_view pid) {
  const std::lock_guard lock(mutex_);
  forget_old();
  const auto found = all_.find(key_of(pid));
  if (found == all_.end()) return std::nullopt;
  return found->second.topics;
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
    for (const std::string& topic : oldest->second.topics) bytes_ -= topic.size();
    ended_.pop_front();
    all_.erase(oldest);
  }
}

}  // namespace corohub::gateway::socketio
