#include "flags/change.hpp"

#include "core/random.hpp"
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/cache_events.hpp"
#include "flags/difference.hpp"
#include "flags/effects.hpp"
#include "flags/gate_records.hpp"
#include "flags/gone_flags.hpp"
#include "flags/repository.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace corohub::flags {
namespace {

std::int64_t random_stamp() {
  std::int64_t stamp = 0;
  random_bytes(&stamp, sizeof stamp);
  return stamp;
}

std::vector<std::int64_t> ids_of_gone(const Difference& difference) {
  std::vector<std::int64_t> gone;
  for (const auto& [key, change] : difference.flags)
    if (!change.after) gone.push_back(change.before->id);
  return gone;
}

}  // namespace

NamespaceEdit::NamespaceEdit(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                             NamespaceRef before)
    : work_(&work), copies_(&copies), directories_(&directories), before_(std::move(before)) {}

Result<NamespaceEdit> NamespaceEdit::open(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                                          std::string_view key) {
  NamespaceRef before = copies.find(work, key);
  if (!before) return no_namespace();
  return NamespaceEdit(work, copies, directories, std::move(before));
}

NamespaceEdit NamespaceEdit::make(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                                  NamespaceProperties properties) {
  NamespaceEdit edit(work, copies, directories, std::make_shared<const Namespace>());
  edit.put_namespace(std::move(properties));
  EnvironmentParts first;
  first.key = "default";
  first.name = "default";
  first.is_default = true;
  edit.put_environment(std::move(first));
  return edit;
}

void NamespaceEdit::put_namespace(NamespaceProperties properties) {
  edits_.properties = std::move(properties);
}

void NamespaceEdit::remove_namespace() { edits_.removed = true; }

void NamespaceEdit::put_environment(EnvironmentParts parts, std::string_view copy_from) {
  Edits::EnvironmentEdit& edit = edits_.environments[parts.key];
  edit.copy_from = copy_from;
  edit.parts = std::move(parts);
}

void NamespaceEdit::remove_environment(std::string_view key) {
  edits_.environments[std::string(key)].removed = true;
}

void NamespaceEdit::put_identity(FlagIdentity identity, std::string at) {
  Edits::IdentityEdit& edit = edits_.flags[identity.key];
  edit.identity = std::move(identity);
  edit.at = std::move(at);
}

void NamespaceEdit::put_definition(std::string_view environment, std::string_view flag,
                                   DefinitionRef definition, std::string at, Dangling dangling,
                                   Dangling elsewhere) {
  edits_.environments[std::string(environment)].definitions[std::string(flag)] = {
      std::move(definition), std::move(at), dangling, elsewhere};
}

void NamespaceEdit::remove_flag(std::string_view flag) { edits_.flags[std::string(flag)].identity.reset(); }

void NamespaceEdit::put_segment(std::string_view environment, std::string_view key, std::string_view name,
                                SegmentRule rule) {
  edits_.environments[std::string(environment)].segments[std::string(key)] =
      Edits::SegmentEdit{std::string(name), std::move(rule)};
}

void NamespaceEdit::remove_segment(std::string_view environment, std::string_view key) {
  edits_.environments[std::string(environment)].segments[std::string(key)] = std::nullopt;
}

void NamespaceEdit::put_platform(Platform platform) {
  std::optional<Platform>& edit = edits_.platforms[platform.key];
  edit = std::move(platform);
}

void NamespaceEdit::remove_platform(std::string_view key) {
  edits_.platforms[std::string(key)] = std::nullopt;
}

void NamespaceEdit::put_package(Package package) {
  std::optional<Package>& edit = edits_.packages[package.key];
  edit = std::move(package);
}

void NamespaceEdit::remove_package(std::string_view key) { edits_.packages[std::string(key)] = std::nullopt; }

Result<> NamespaceEdit::judge() {
  Result<Difference> compared = compare(before_, edits_, std::max(work_->now(), before_->changed_at + 1));
  if (!compared) return compared.error();
  difference_ = std::move(*compared);
  warnings_.clear();
  return flags::judge(*work_, difference_, warnings_);
}

Result<NamespaceRef> NamespaceEdit::finish(const Author& author) {
  if (const Result<> judged = judge(); !judged) return judged.error();
  if (difference_.empty()) return before_;
  const std::int64_t stamp = random_stamp();
  const GateRecords gates(*work_, difference_);  // before the rows go
  write_rows(*work_, difference_, stamp);
  Tree tree;
  if (difference_.after) tree = build_tree(difference_);
  std::vector<hub::EventDraft> events = events_of(difference_, tree.name_space.get(), author, gates);
  add_config_events(events, difference_, author, directories_->gateways(), work_->now());
  // The shards must know the change before its events, and the tree names the seq of the last of these.
  const Seq last = next_seq(*work_) + static_cast<Seq>(events.size()) - 1;
  for (const std::shared_ptr<Environment>& environment : tree.altered) {
    environment->revision = last;
    difference_.environments.find(environment->key)->second.after->revision = last;
  }
  if (tree.name_space) save_environments(*work_, difference_, *tree.name_space);
  record_audit(*work_, difference_, author);
  eventlog::change_shards(*work_,
                          directories_->change({difference_.is_new() ? nullptr : before_, tree.name_space}));
  Seq seq = 0;
  for (hub::EventDraft& event : events) seq = eventlog::append(*work_, std::move(event));
  if (!events.empty() && seq != last)
    throw std::logic_error("the events of a change have other seqs than was foretold");
  leave_clients(*work_, *copies_, *directories_, author, *before_, ids_of_gone(difference_));
  if (tree.name_space)
    copies_->keep({tree.name_space, stamp});
  else
    copies_->forget(before_->key);
  return NamespaceRef(tree.name_space);
}

}  // namespace corohub::flags
