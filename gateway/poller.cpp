#include "gateway/poller.hpp"

#include "gateway/native/forms.hpp"
#include "gateway/wire/wraps.hpp"

#include <cstdint>
#include <limits>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace corohub::gateway {
namespace {

// Frames stay in a poller's outbox for one turn only and are shared with other members: their number is what
// counts, however large an event is.
const hub::OutboxLimits outbox_limits{.bytes_max = std::numeric_limits<std::uint32_t>::max()};

}  // namespace

Poller::Poller(hub::Shard& shard, const hub::Identity& who, const boost::asio::ip::address& address,
               std::vector<std::string> types)
    : Member(ClientId::random(), outbox_limits, false),
      shard_(shard),
      address_(address),
      began_(shard.clock().unix_ms()),
      timer_(shard.context().get_executor()),
      heard_(shard.head()) {
  set_filter(hub::filter_of_types(std::move(types)));
  set_outlet(this);
  shard_.attach(*this, who);
}

Poller::~Poller() { shard_.detach(*this); }

void Poller::follow(const TopicRights& rights, const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    const hub::TopicRule* rule = rights.readable(topic, identity());
    if (rule != nullptr)
      shard_.subscribe(*this, topic, *rule, {.filter = rights.filter(topic, *this, filter())});
  }
}

Task<bool> Poller::wait_until(SteadyTime end) {
  while (!woken_ && !ended_) {
    if (left_ || SteadyTime::clock::now() >= end) co_return false;
    timer_.expires_at(end);
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  }
  woken_ = false;
  co_return true;
}

// Nobody reads it: it is the one that most others ask for.
const hub::Form& Poller::form() const noexcept { return native::form_of(websocket_text()); }

// What came is a hint only. A volatile event is none: it is not in the log.
void Poller::flush() noexcept {
  while (!outbox().empty()) outbox().consume(outbox().at(0).size() - outbox().sent());
  if (std::exchange(heard_, shard_.head()) != shard_.head()) wake();
}

void Poller::close(CloseReason reason) noexcept {
  if (!ended_) ended_ = reason;
  wake();
}

void Poller::leave() noexcept {
  left_ = true;
  timer_.cancel();
}

void Poller::wake() noexcept {
  woken_ = true;
  timer_.cancel();
}

hub::MemberInfo Poller::info() const {
  return {client_id(), identity().user_id,   identity().role, identity().is_guest(),
          "long_poll", address_.to_string(), began_,          identity().key};
}

}  // namespace corohub::gateway
