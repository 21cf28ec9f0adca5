#include "auth/key_ring.hpp"

#include "auth/key_file.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

namespace corohub::auth {
namespace {

std::atomic<std::uint64_t> generations{0};

bool is_over(const Key& key, UnixMs now) noexcept {
  const UnixMs end = KeyRing::end_of_use(key);
  return end != 0 && now >= end;
}

}  // namespace

std::string_view name(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::hs256:
      return "HS256";
    case Algorithm::eddsa:
      return "EdDSA";
  }
  return "HS256";
}

KeyRing::KeyRing(std::vector<Key> keys) : keys_(std::move(keys)), generation_(++generations) {
  if (std::ranges::count(keys_, true, &Key::active) != 1)
    throw std::invalid_argument("a key ring needs exactly one active key");
  active_ = static_cast<std::size_t>(std::ranges::find(keys_, true, &Key::active) - keys_.begin());
}

const Key* KeyRing::find(std::string_view kid, UnixMs now) const noexcept {
  const auto key = std::ranges::find(keys_, kid, &Key::id);
  return key != keys_.end() && !is_over(*key, now) ? &*key : nullptr;
}

KeyStore::KeyStore(std::filesystem::path file, const Clock& clock) : file_(std::move(file)), clock_(clock) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file_, ignored))) {
    Key first = make_key(Algorithm::hs256);
    first.active = true;
    std::vector<Key> keys;
    keys.push_back(std::move(first));
    if (const Result<> written = write_keys(file_, keys, Write::create); !written)
      throw std::runtime_error(written.error().detail + " " + written.error().cause);
  }
  if (const Result<> read = reload(); !read) throw std::runtime_error(read.error().detail);
}

std::shared_ptr<const KeyRing> KeyStore::ring() const {
  const std::lock_guard lock(mutex_);
  return ring_;
}

Result<> KeyStore::reload() {
  const std::lock_guard one_at_a_time(file_mutex_);
  Result<std::vector<Key>> keys = read_keys(file_);
  if (!keys) return keys.error();
  swap(std::make_shared<const KeyRing>(std::move(*keys)));
  return {};
}

Result<std::string> KeyStore::rotate(std::chrono::seconds retire_after) {
  const std::lock_guard one_at_a_time(file_mutex_);
  // Reads the file instead of using the ring: a key that an operator put there and has not reloaded yet must
  // not be lost.
  Result<std::vector<Key>> read = read_keys(file_);
  if (!read) return read.error();
  std::vector<Key> keys = std::move(*read);

  const UnixMs now = clock_.unix_ms();
  std::erase_if(keys, [now](const Key& key) { return is_over(key, now); });
  if (keys.size() >= keys_max)
    return Error(ErrorCode::overloaded, "Too many retired keys are still in use.").retry_in(retire_after);

  Key& old = *std::ranges::find(keys, true, &Key::active);
  old.active = false;
  old.not_after = now + std::chrono::milliseconds(retire_after).count();
  Key fresh = make_key(old.algorithm);
  fresh.active = true;
  std::string id = fresh.id;
  keys.push_back(std::move(fresh));

  if (const Result<> written = write_keys(file_, keys, Write::replace); !written) return written.error();
  swap(std::make_shared<const KeyRing>(std::move(keys)));
  return id;
}

void KeyStore::swap(std::shared_ptr<const KeyRing> ring) {
  const std::lock_guard lock(mutex_);
  generation_.store(ring->generation(), std::memory_order_release);
  ring_.swap(ring);  // the old ring is destroyed after the lock, with the parameter
}

}  // namespace corohub::auth
