// Sessions that watch the values of their own flags: each is told what has changed for it, whatever the
// cause, and nothing else. Made once for each shard; used on its thread only.
//
// Those who would get the same values (the same viewer, namespace, environment and context) are one group,
// which is evaluated once. Of what its members have been told a group keeps 8 bytes for each flag.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/fixed_post.hpp"
#include "core/metrics.hpp"
#include "core/wheel.hpp"
#include "flags/directory.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "flags/evaluation/touched.hpp"
#include "gateway/session/command.hpp"
#include "hub/shard.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::gateway {

class Session;

struct FlagWatchLimits {
  std::chrono::milliseconds interval{100};  // between two events of one watcher, at least
  std::chrono::milliseconds slice{2};       // of the thread's time, after which others have a turn
  // Flags that are touched, times those who watch them, of all that wait to be told: beyond, they are told to
  // watch again, or to ask for all.
  std::size_t values_max = 1'000'000;
  auth::Rate watches_per_viewer{50, std::chrono::seconds(1), 100};
};

// How a session is told of one flag where OFREP's item is not what it wants. Stateless; lives as long as the
// process.
class FlagText {
 public:
  // What depends on anything else than these and the flag's name is not watched. Throws for memory.
  virtual void append(std::string& out, const flags::Evaluation& evaluation,
                      const json::object* limits) const = 0;

 protected:
  ~FlagText() = default;
};

// What evaluations know of a viewer beside the namespace: another number, and all flags may be others.
std::uint64_t rights_of(const flags::Standing& who) noexcept;

class FlagWatching final : private flags::DirectoryListener {
 public:
  // Shard and directory outlive it; the sessions do not.
  FlagWatching(hub::Shard& shard, flags::Directory& directory, FlagWatchLimits limits = {});
  ~FlagWatching() override;
  FlagWatching(const FlagWatching&) = delete;
  FlagWatching& operator=(const FlagWatching&) = delete;

  // The session is answered with all values, and told of changes from here on; what it watched before ends.
  // Refusals: not_found, invalid_context, rate_limited, overloaded. Throws for memory.
  void watch(Session& session, const RequestId& id, WatchFlags& asked);
  void unwatch(Session& session, const RequestId& id);
  // The same for a session that is told of all flags in this text, by FlagItems: `list` is a JSON array of
  // all that it sees, by key, however large. Answers why not; nothing: it is done. `asked.keys` is not looked
  // at. `is_counted`: against those who begin to watch too often; false: its connection was counted. Such a
  // watch stays until the session ends or watches something else: where it loses the right to its place it
  // is told that all is hidden, and of all again if the right comes back.
  std::optional<Refusal> watch(Session& session, WatchFlags asked, const FlagText& text, std::string& list,
                               bool is_counted = true);
  // The list alone, once.
  std::optional<Refusal> read(Session& session, WatchFlags asked, const FlagText& text, std::string& list);
  bool is_watching(const Session& session) const noexcept { return watches_.contains(&session); }
  // The session is gone.
  void end(const Session& session) noexcept;
  // A rule may ask for the role.
  void role_changed(const Session& session) noexcept;

  std::size_t watchers() const noexcept { return watches_.size(); }
  std::size_t groups() const noexcept { return groups_.size(); }
  std::uint64_t evaluations() const noexcept { return evaluations_; }  // after changes
  std::uint64_t comparisons() const noexcept { return comparisons_; }  // of groups, after changes

 private:
  using Kind = flags::Viewer::Kind;
  // All that values depend on, but for the namespace itself and what is known of the viewer.
  struct Key {
    std::string name_space;
    Kind kind;
    std::int64_t id;          // of the user, client or key
    std::string environment;  // empty: the viewer's own
    std::string context;      // canonical
    const FlagText* text;     // null: OFREP's items
  };
  // The first members of a key, which stand for all keys that begin so.
  struct Prefix {
    std::string_view name_space;
    std::optional<std::pair<Kind, std::int64_t>> viewer{};
  };
  struct KeyLess {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const noexcept;
    bool operator()(const Key& a, const Prefix& b) const noexcept;
    bool operator()(const Prefix& a, const Key& b) const noexcept;
  };

  class Group;
  struct Watch;
  struct Place;
  struct Asked;
  struct Values;
  using Groups = std::multimap<Key, std::unique_ptr<Group>, KeyLess>;
  struct Watch {
    Session& session;
    Groups::iterator group;
    std::size_t slot;                              // among the group's
    std::optional<std::vector<std::string>> keys;  // sorted; nothing: all
  };
  class Group final : public Timed {
   public:
    Group(FlagWatching& owner, hub::Identity its_who) : who(std::move(its_who)), owner_(owner) {}
    ~Group() override { owner_.values_ -= values; }
    void on_due(SteadyTime) noexcept override { owner_.make_marked(*this); }

    hub::Identity who;
    flags::EnvironmentRef seen;              // as the members have been told
    std::uint64_t rights = 0;                // of the viewer then; see rights_of()
    std::vector<std::uint64_t> told;         // a hash for each flag of `seen`; 0: not seen
    std::vector<std::unique_ptr<Watch>> of;  // its members
    Groups::iterator place;
    SteadyTime next_at{};    // not before this
    SteadyTime since{};      // the first change that waits
    std::size_t values = 0;  // that its members wait for
    bool waits = false;
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> ready;

   private:
    FlagWatching& owner_;
  };
  using Ready =
      boost::intrusive::list<Group,
                             boost::intrusive::member_hook<Group, decltype(Group::ready), &Group::ready>,
                             boost::intrusive::constant_time_size<false>>;
  using DifferenceKey = std::tuple<flags::EnvironmentRef, flags::EnvironmentRef, bool, bool>;

  // ---- flags::DirectoryListener ----
  void namespace_changed(const flags::NamespaceChange& change) noexcept override;
  void client_changed(const flags::ClientChange& change) noexcept override;

  // ---- who watches ----
  std::optional<Refusal> refuse(const Session& session, const WatchFlags& asked, bool is_counted);
  std::optional<Refusal> resolve(const Session& session, WatchFlags& asked, const FlagText* text,
                                 Asked& found, bool is_counted = true);
  std::string own_namespace(const flags::Viewer& viewer) const;
  static std::vector<std::uint64_t> append_all(std::string& list, Asked& asked,
                                               const std::optional<std::vector<std::string>>& keys,
                                               std::int64_t now_seconds);
  static void append_item(std::string& out, const FlagText* text, const Place& place,
                          const flags::Evaluation& evaluation);
  static std::optional<Refusal> refuse_size(Session& session, std::size_t bytes);
  void begin(Session& session, Asked& asked, std::vector<std::uint64_t> told,
             std::optional<std::vector<std::string>> keys);
  Groups::iterator group_for(Key key, const Session& session, const Place& place);
  void add(Session& session, Groups::iterator group, std::optional<std::vector<std::string>> keys);
  void remove(Watch& watch) noexcept;

  // ---- what has changed ----
  std::optional<Place> find_place(const Key& key, const flags::Viewer& viewer) const noexcept;
  const flags::TouchedFlags& touched(const Group& group, const Place& place);
  void mark(Group& group) noexcept;
  void make_marked(Group& group) noexcept;
  void look_at(Group& group) noexcept;
  std::size_t compare(Group& group, const Place& place);
  void tell_ready(Group& group) noexcept;
  void go_on() noexcept;

  // ---- what is told ----
  void tell(Group& group);
  void evaluate(Group& group, const Place& place, Values& values);
  std::uint64_t evaluate(const Group& group, const Place& place, const flags::TouchedFlag& one,
                         flags::Evaluator& evaluator, Values& values);
  void tell_members(Group& group, Values& values);
  void end_all(Group& group);
  static void hide_all(Group& group);
  void resync_all(Group& group, const Place& place);
  void tell(Watch& watch, const Values& values, const std::string& for_all);
  bool has_room_for(Session& session, std::size_t bytes, std::size_t messages) const noexcept;
  static void say(Session& session, const Notice& notice) noexcept;
  void resync(Watch& watch, std::string_view head);

  hub::Shard& shard_;
  flags::Directory& directory_;
  const FlagWatchLimits limits_;
  auth::RateLimiter asked_;
  std::size_t values_ = 0;  // that wait
  Groups groups_;
  boost::unordered_flat_map<const Session*, Watch*> watches_;
  // What may concern a group is looked at before anything is told, so that it is known how much that is.
  Ready marked_;
  Ready ready_;
  bool too_much_ = false;                                     // what is ready is told to watch again
  std::map<DifferenceKey, flags::TouchedFlags> differences_;  // of the changes under way
  FixedPost post_;
  bool posted_ = false;
  std::uint64_t evaluations_ = 0;
  std::uint64_t comparisons_ = 0;
  metrics::Gauge& watchers_gauge_;
  metrics::Histogram& push_seconds_;
  metrics::Counter& resyncs_;
};

}  // namespace corohub::gateway
