// The namespaces as one shard knows them: looked up without locks, changed in the shard's turns, in their
// place among the events. Used on the shard's thread only.
#pragma once

#include "flags/evaluation/environment.hpp"
#include "hub/control.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// What a change was about, for those who tell others.
struct NamespaceChange {
  NamespaceRef before;  // null: the namespace is new
  NamespaceRef after;   // null: it is gone
};

class DirectoryListener {
 public:
  virtual ~DirectoryListener() = default;
  // The directory has `change.after` by now.
  virtual void namespace_changed(const NamespaceChange& change) noexcept = 0;
};

class Directory {
 public:
  // Null: there is none. The view holds until the turn's end.
  const NamespaceRef* find(std::string_view key) const noexcept;
  const std::vector<NamespaceRef>& all() const noexcept { return all_; }  // sorted by key

  void begin_with(std::vector<NamespaceRef> all);
  void apply(const NamespaceChange& change) noexcept;
  // The listener must be removed before it dies.
  void add_listener(DirectoryListener& listener);
  void remove_listener(const DirectoryListener& listener) noexcept;

 private:
  std::vector<NamespaceRef> all_;
  std::vector<DirectoryListener*> listeners_;
};

// One for each shard.
class Directories {
 public:
  // Before anything is served.
  void begin(std::size_t shards, const std::vector<NamespaceRef>& all);
  std::size_t size() const noexcept { return directories_.size(); }
  Directory& of(std::size_t shard) noexcept { return *directories_[shard]; }
  // The change, to be appended by the unit that makes it.
  hub::ShardChangeRef change(NamespaceChange what);

 private:
  std::vector<std::unique_ptr<Directory>> directories_;
};

}  // namespace corohub::flags
