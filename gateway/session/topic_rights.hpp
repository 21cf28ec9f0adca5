// Who may read which topic, and which of its events, as one shard knows it: the rules of topics, and for
// those of feature flags the namespaces as they are now. Made once for each shard; used on its thread only.
#pragma once

#include "flags/directory.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "hub/shard.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::gateway {

// "flags", "flags/{namespace}" or "flags/{namespace}/{environment}", which is any but the default one.
struct FlagTopic {
  static std::optional<FlagTopic> parse(std::string_view topic) noexcept;

  std::string_view name_space{};   // empty: all of them
  std::string_view environment{};  // empty: the default one
};

// Who that is where flags are concerned; used as long as the identity lives.
flags::Viewer viewer_of(const hub::Identity& who) noexcept;

class TopicRights final : private flags::DirectoryListener {
 public:
  // All of it outlives the rights.
  TopicRights(hub::Shard& shard, const hub::TopicRules& rules, flags::Directory& directory);
  ~TopicRights() override;
  TopicRights(const TopicRights&) = delete;
  TopicRights& operator=(const TopicRights&) = delete;

  // The rule of a topic that this somebody may read; null: it may not. Topics of flags are for those who may
  // evaluate there, and administrators read them all; guests read no other topics. A key opens the server's
  // status, too, and that of a service what gateways are told if it has config:read.
  const hub::TopicRule* readable(std::string_view topic, const hub::Identity& who) const noexcept;
  // Where what happens in this environment goes: of "flags/{namespace}/{environment}", if that is the default
  // one, "flags/{namespace}", a part of the text; any other topic as it is.
  std::string_view topic_of_environment(std::string_view topic) const noexcept;
  // Whether there is anything here for somebody without a credential: a namespace that is public.
  bool welcomes_guests() const noexcept;

  // Whether this somebody may see the event of a topic that it may read. Administrators and services see
  // each. Others see nothing of a flag that was hidden when it changed, or is now; what was behind a package
  // then, or is now, they see if it is granted to them now; of a flag that is gone, if it was granted to
  // them.
  bool shows(const hub::Event& event, const hub::Identity& who) const noexcept;
  // Who may still have what this somebody was shown of the topic: `readers`, or administrators alone if it is
  // one and was shown more than others are.
  std::uint8_t readers_of(std::string_view topic, std::uint8_t readers,
                          const hub::Identity& who) const noexcept;
  // What a member's subscription to this topic is to want: of what `other` wants, what the member may see.
  // The filter is used as long as the member lives, and on its shard's thread.
  hub::EventFilterRef filter(std::string_view topic, const hub::Member& member,
                             hub::EventFilterRef other) const;

  // The member has another role: subscriptions that it may not have any more end, and it is told. What waits
  // for it and is not for it any more is taken back.
  void judge_again(hub::Member& member) const noexcept;

 private:
  // What can be said of an event for everybody who is no administrator, found once for all its subscribers.
  struct Judged {
    const hub::Event* event = nullptr;
    Seq seq = 0;
    const flags::Namespace* name_space = nullptr;     // null: it is not there any more
    const flags::Environment* environment = nullptr;  // the one it was in; null: it is gone
    const flags::Flag* flag = nullptr;                // as it is now; null: it is gone
    bool hidden = true;                               // from all but services
    bool gated = false;                               // so that it is for some
    std::optional<bool> for_users{};                  // unless it depends on the user
    std::optional<bool> for_guests{};
    // Of a gated flag that went, sorted: whose overrides denied or granted it, and the packages that had it.
    std::vector<std::int64_t> denied{};
    std::vector<std::int64_t> granted{};
    std::vector<std::int64_t> packages{};

    bool was_granted(const flags::Client* client) const noexcept;
  };

  // ---- flags::DirectoryListener ----
  void namespace_changed(const flags::NamespaceChange& change) noexcept override;
  void client_changed(const flags::ClientChange& change) noexcept override;

  const hub::TopicRule* readable_by_key(std::string_view topic, const hub::Identity& who) const noexcept;
  bool may_evaluate(const FlagTopic& where, const hub::Identity& who) const noexcept;
  const Judged& judged(const hub::Event& event) const noexcept;
  bool judge(const Judged& what, const hub::Identity& who) const noexcept;
  void judge_again(std::string_view topic) noexcept;
  void judge_all_flags_again() noexcept;
  void take_back(hub::Member& member) const noexcept;

  hub::Shard& shard_;
  const hub::TopicRules& rules_;
  flags::Directory& directory_;
  mutable Judged judged_;
};

}  // namespace corohub::gateway
