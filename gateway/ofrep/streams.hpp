// The streams of one shard, by namespace and by whose they are: told when a change may concern them, and
// ended with their rights.
// Used on its shard's thread only; it outlives its streams.
#pragma once

#include "flags/client_key_cache.hpp"
#include "flags/directory.hpp"
#include "gateway/ofrep/evaluation_stream.hpp"
#include "gateway/session/desk.hpp"
#include "users/service_key_cache.hpp"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include <boost/intrusive/set.hpp>

namespace corohub::gateway::ofrep {

// Beyond so many streams of an environment, those of all shards together, the rest is told in a steady rate:
// all will ask again.
inline constexpr std::size_t streams_told_at_once = 2000;

// A shard's share of what the process may do.
struct Crowd {
  Crowd(std::size_t shards, std::uint32_t refetches_per_second);

  std::size_t at_once;
  double per_second;  // 0: all at once
};

// The rate in which the streams of one environment are told, whichever changes they are told of: as many at
// once as the crowd may, which are there again after a while without.
class Pace {
 public:
  // In how long the next one may be told, which is taken for told.
  std::chrono::milliseconds next(const Crowd& crowd, SteadyTime now) noexcept;

 private:
  double told_ = 0;  // and not made up for yet
  SteadyTime at_{};
};

// A user or a client; all guests are one, and all services.
struct Person {
  flags::Viewer::Kind kind = flags::Viewer::Kind::guest;
  std::int64_t id = 0;

  auto operator<=>(const Person&) const = default;
};

class Streams final : private flags::DirectoryListener,
                      private users::ServiceKeyListener,
                      private flags::ClientKeyListener {
 public:
  Streams(const Desk& desk, std::string epoch, Crowd crowd);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  const Desk& desk() const noexcept { return desk_; }
  const std::string& epoch() const noexcept { return epoch_; }
  // How many keys of the caller's kind have ended by now, for may_stay().
  std::uint64_t keys_ended(const Caller& caller) const noexcept;
  // Whether the caller, whose key was good when so many had ended, has its right still, which is judged in
  // this turn.
  bool may_stay(Caller& caller, const PlaceName& place, std::uint64_t keys_ended) const;

  void add(EvaluationStream& stream);
  void remove(EvaluationStream& stream) noexcept;

 private:
  struct PersonOf {
    using type = Person;
    Person operator()(const EvaluationStream& stream) const noexcept;
  };
  // No memory of its own for a stream.
  using List = boost::intrusive::multiset<
      EvaluationStream,
      boost::intrusive::member_hook<EvaluationStream,
                                    boost::intrusive::set_member_hook<boost::intrusive::optimize_size<true>>,
                                    &EvaluationStream::hook>,
      boost::intrusive::key_of_value<PersonOf>>;
  struct Group {
    List streams;
    std::map<std::string, Pace> paces;  // by environment
  };

  // ---- flags::DirectoryListener ----
  void namespace_changed(const flags::NamespaceChange& change) noexcept override;
  void client_changed(const flags::ClientChange& change) noexcept override;
  // ---- users::ServiceKeyListener ----
  void service_keys_ended(const users::EndedKeys& which) noexcept override;
  // ---- flags::ClientKeyListener ----
  void client_keys_ended(const flags::EndedClientKeys& which) noexcept override;

  void tell(Group& group, const flags::NamespaceChange& change) const;
  void tell(Group& group, const Person& whose) const noexcept;
  template <class Visit>
  void for_all(Visit visit);

  const Desk& desk_;
  const std::string epoch_;
  const Crowd crowd_;
  std::unordered_map<std::string, Group> by_namespace_;
};

}  // namespace corohub::gateway::ofrep
