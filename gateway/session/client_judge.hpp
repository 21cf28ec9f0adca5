// Which clients of feature flags an event is for, on one shard. The event's attributes say it:
// {"for":{"namespace":3}} those of a namespace, with "package":7 those that have the package, with "client":9
// that one. A client is whoever has its key, and its user. A user who is among the clients without being one
// has a part in what is for all of a namespace in which it may evaluate, and with "client":9,"former_user":11
// it hears that it is the client 9 no more. Used on the shard's thread only.
#pragma once

#include "flags/directory.hpp"
#include "hub/audience_judge.hpp"

#include <cstdint>
#include <optional>

namespace corohub::gateway {

class ClientJudge final : public hub::AudienceJudge {
 public:
  // The directory outlives the judge.
  explicit ClientJudge(const flags::Directory& directory) noexcept : directory_(directory) {}

  // A client that is disabled has no part in what goes to several, unless its user is among the clients.
  // False for attributes that say nothing.
  bool includes(const hub::Event& event, const hub::Identity& who) const noexcept override;

  // Who was the user of the client that the event is about, until then; nothing: nobody, or it still is.
  static std::optional<UserId> former_user_of(const hub::Event& event);

 private:
  struct Target {
    std::optional<std::int64_t> name_space{};
    std::optional<std::int64_t> package{};
    std::optional<std::int64_t> client{};
    std::optional<UserId> former_user{};
  };

  static Target target_of(const hub::Event& event);
  bool is_for(const flags::Client& client) const noexcept;
  bool is_for_visitor(const hub::Identity& who) const noexcept;
  const flags::Client* client_of(std::int64_t name_space, const hub::Identity& who) const noexcept;

  const flags::Directory& directory_;
  mutable Seq seq_ = 0;  // of the event in the log whose target is known; 0: none
  mutable Target target_;
};

}  // namespace corohub::gateway
