#include "flags/directory.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace corohub::flags {
namespace {

constexpr auto key_of = [](const NamespaceRef& one) -> const std::string& { return one->key; };

class DirectoryChange final : public hub::ShardChange {
 public:
  DirectoryChange(Directories& directories, NamespaceChange what)
      : directories_(directories), what_(std::move(what)) {}
  void apply(std::size_t shard) const noexcept override {
    if (shard < directories_.size()) directories_.of(shard).apply(what_);
  }

 private:
  Directories& directories_;
  const NamespaceChange what_;
};

}  // namespace

const NamespaceRef* Directory::find(std::string_view key) const noexcept {
  const auto found = std::ranges::lower_bound(all_, key, {}, key_of);
  return found != all_.end() && (*found)->key == key ? &*found : nullptr;
}

void Directory::begin_with(std::vector<NamespaceRef> all) {
  all_ = std::move(all);
  std::ranges::sort(all_, {}, key_of);
}

// Memory is small enough here (a pointer per namespace) that a failure may end the process: a shard that knew
// another state than its neighbours would be worse.
void Directory::apply(const NamespaceChange& change) noexcept {
  const std::string& key = change.after ? change.after->key : change.before->key;
  const auto place = std::ranges::lower_bound(all_, key, {}, key_of);
  const bool known = place != all_.end() && (*place)->key == key;
  if (!change.after) {
    if (known) all_.erase(place);
  } else if (known) {
    *place = change.after;
  } else {
    all_.insert(place, change.after);
  }
  for (DirectoryListener* listener : listeners_) listener->namespace_changed(change);
}

void Directory::add_listener(DirectoryListener& listener) { listeners_.push_back(&listener); }

void Directory::remove_listener(const DirectoryListener& listener) noexcept {
  std::erase(listeners_, &listener);
}

void Directories::begin(std::size_t shards, const std::vector<NamespaceRef>& all) {
  directories_.clear();
  for (std::size_t i = 0; i < shards; ++i) {
    directories_.push_back(std::make_unique<Directory>());
    directories_.back()->begin_with(all);
  }
}

hub::ShardChangeRef Directories::change(NamespaceChange what) {
  return std::make_shared<const DirectoryChange>(*this, std::move(what));
}

}  // namespace corohub::flags
