// The sessions of SockJS over HTTP whose home is one shard, by their ids. On that shard's thread only.
#pragma once

#include "gateway/sockjs/link.hpp"
#include "gateway/wire/place.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace corohub::gateway::sockjs {

class Directory {
 public:
  // Sessions that have ended are kept for whoever asks, but no more than these: further ones are forgotten.
  static constexpr std::size_t ended_max = 1024;
  static constexpr std::size_t ended_bytes_max = 8 << 20;  // of what they have still to say

  // The settings outlive it.
  Directory(const Place& place, const LinkSettings& settings) noexcept : place_(place), settings_(settings) {}

  const Place& place() const noexcept { return place_; }
  const LinkSettings& settings() const noexcept { return settings_; }
  std::size_t size() const noexcept { return links_.size(); }

  // ---- requests: each ticket is answered, `unknown` where there is no such session, `foreign` where it is
  // somebody else's ----
  void enter(const std::string& id, const Owner& owner, Ticket ticket);
  void poll(const std::string& id, const Owner& owner, std::uint64_t number, Ticket ticket);
  void send(const std::string& id, const Owner& owner, std::vector<std::string> messages, Ticket ticket);
  // A session that there is meanwhile is left alone, and so is the listener.
  void create(const std::string& id, const Owner& owner, const std::function<Listening()>& make_listener);
  // The stream is told what is wrong when its session is gone, or another's now.
  void attach(const std::string& id, const Owner& owner, std::shared_ptr<Stream> stream);
  // The client of this poll has gone away.
  void lose_poll(const std::string& id, std::uint64_t number) noexcept;

  // ---- links ----
  bool keeps_ended(std::size_t bytes) noexcept;
  void let_go_of_ended(std::size_t bytes) noexcept;
  void remove(const Link& link) noexcept;

 private:
  std::shared_ptr<Link> find(const std::string& id) const noexcept;
  // Null: the ticket has been answered.
  std::shared_ptr<Link> find_for(const std::string& id, const Owner& owner, Ticket& ticket) const;

  const Place place_;
  const LinkSettings& settings_;
  std::unordered_map<std::string, std::shared_ptr<Link>> links_;
  std::size_t ended_ = 0;
  std::size_t ended_bytes_ = 0;
};

}  // namespace corohub::gateway::sockjs
