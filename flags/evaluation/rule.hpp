// A rule in the form in which it is run: one array of nodes, an operator's arguments next to each other, with
// the paths of variables taken apart and what never changes ready. Immutable; shared by all threads. For this
// room only.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/fractional.hpp"
#include "flags/evaluation/sem_ver.hpp"
#include "flags/evaluation/value.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

enum class Op : std::uint8_t {
  constant,  // no operator: a value, a list of them, or an object that is no rule
  list,      // no operator: a list with something to be computed in it
  var,       // with a path that is known
  var_of,    // with one that is not
  missing,
  missing_some,
  if_,
  conditional,  // `?:`, which is another word for it
  and_,
  or_,
  not_,
  truth,
  equal,
  not_equal,
  same,
  not_same,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  min,
  max,
  merge,
  cat,
  substr,
  in,
  map,
  filter,
  reduce,
  all,
  none,
  some,
  fractional,
  sem_ver,
  starts_with,
  ends_with,
  log,
  ref,
  unknown,
};

// A `fractional` whose buckets are known before anybody asks.
struct Buckets {
  std::vector<Bucket> each;
  std::uint64_t total = 0;  // of their weights
};

// A `sem_ver` whose second version and relation are known.
struct KnownVersion {
  Version version;
  VersionRelation relation;
};

struct Node {
  Op op = Op::constant;
  bool takes_list = false;  // its arguments were written as a list
  std::uint32_t extra =
      none;                 // var: of paths; fractional: of buckets; sem_ver: of versions; ref: of segments
  std::uint32_t first = 0;  // of its arguments
  std::uint32_t count = 0;
  std::uint32_t parent = none;
  Value value{};  // of a constant; of an unknown operator: its name

  static constexpr std::uint32_t none = 0xffffffff;
};

class Rule {
 public:
  // What check_rule() has let pass. What flagd would not take compiles all the same, into what fails when it
  // is reached.
  static std::shared_ptr<const Rule> compile(const json::value& rule);

  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;

  const Node& root() const noexcept { return nodes_.front(); }
  std::span<const Node> arguments(const Node& node) const noexcept {
    return {nodes_.data() + node.first, node.count};
  }
  std::span<const std::string_view> path(const Node& var) const noexcept;
  std::string path_text(const Node& var) const;  // for people
  const Buckets& buckets(const Node& fractional) const noexcept { return buckets_[fractional.extra]; }
  const KnownVersion& version(const Node& sem_ver) const noexcept { return versions_[sem_ver.extra]; }
  const std::string& segment(const Node& ref) const noexcept { return segments_[ref.extra]; }

  std::span<const std::string> segments() const noexcept { return segments_; }  // sorted, each once
  bool reads_time() const noexcept { return reads_time_; }

  // JSON pointer of the node in the rule as it was written. For people: takes its time.
  std::string pointer(const Node& node) const;

 private:
  friend class Compiler;
  Rule() = default;

  struct Path {
    std::uint32_t first;
    std::uint32_t count;
  };

  std::unique_ptr<char[]> texts_;  // all of the rule's, one behind the other
  std::size_t texts_bytes_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::vector<Value>> lists_;
  std::vector<std::unique_ptr<const json::value>> objects_;
  std::vector<std::string_view> path_parts_;
  std::vector<Path> paths_;
  std::vector<Buckets> buckets_;
  std::vector<KnownVersion> versions_;
  std::vector<std::string> segments_;
  bool reads_time_ = false;
};

// The name of an operator, for people.
std::string_view name(Op op) noexcept;

}  // namespace corohub::flags
