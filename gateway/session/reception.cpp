#include "gateway/session/reception.hpp"

#include <string>
#include <utility>

#include <boost/asio/post.hpp>

namespace corohub::gateway {

// ---- outsiders ----

// In a turn of the outsider's own thread; if it is gone by then, nothing is to be done.
void Outsiders::send_away(Outsider& outsider, const Entry& entry) {
  asio::post(*entry.home, [&outsider, keeps = entry.keeps] {
    if (const std::shared_ptr<void> alive = keeps.lock()) outsider.send_away();
  });
}

void Outsiders::add(Outsider& outsider, std::weak_ptr<void> keeps, asio::io_context& home) {
  const std::scoped_lock lock(mutex_);
  const auto place = all_.insert_or_assign(&outsider, Entry{std::move(keeps), &home}).first;
  if (closing_) send_away(outsider, place->second);
}

void Outsiders::remove(const Outsider& outsider) noexcept {
  const std::scoped_lock lock(mutex_);
  all_.erase(&outsider);
}

void Outsiders::send_away_all() {
  const std::scoped_lock lock(mutex_);
  closing_ = true;
  for (const auto& [outsider, entry] : all_) send_away(const_cast<Outsider&>(*outsider), entry);
}

std::size_t Outsiders::size() const {
  const std::scoped_lock lock(mutex_);
  return all_.size();
}

// ---- places ----

Result<hub::Roster::Admission> Reception::admit(UserId user, const boost::asio::ip::address& address,
                                                bool exempt) {
  if (!exempt) {
    if (std::optional<Error> refusal = over_rate("user:" + std::to_string(user))) return *refusal;
  }
  return roster_.admit(user, address, exempt);
}

Result<hub::Roster::Admission> Reception::admit_nobody(const boost::asio::ip::address& address, bool exempt) {
  if (!exempt) {
    if (std::optional<Error> refusal = over_rate(auth::rate_key(address))) return *refusal;
  }
  return roster_.admit(0, address, exempt);
}

std::optional<Error> Reception::over_rate(std::string_view who) {
  if (std::optional<Error> refusal = connects_.take(who).refusal("Too many requests of this kind."))
    return refusal;
  if (connects_total_.take("all").allowed) return std::nullopt;
  return Error(ErrorCode::overloaded, "Too many connections are being opened.");
}

Result<hub::Roster::Admission> Reception::admit_stranger(const boost::asio::ip::address& address,
                                                         bool exempt) {
  if (!exempt && outsiders_.size() >= unidentified_max)
    return Error(ErrorCode::overloaded, "Too many connections have not said who they are.");
  return roster_.admit(0, address, exempt);
}

Result<> Reception::accept_guest(hub::Roster::Admission& place, const boost::asio::ip::address& address,
                                 bool exempt) {
  if (!exempt) {
    if (std::optional<Error> refusal = over_rate(auth::rate_key(address))) return *refusal;
  }
  return place.become_guest(exempt);
}

std::optional<Error> Reception::count_failure(const boost::asio::ip::address& address, bool exempt) {
  if (exempt) return std::nullopt;
  return connects_.take(auth::rate_key(address)).refusal("Too many requests of this kind.");
}

}  // namespace corohub::gateway
