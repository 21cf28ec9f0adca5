#include "flags/schedule.hpp"

#include "core/log.hpp"
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/definition_patch.hpp"

#include <chrono>
#include <limits>
#include <stdexcept>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::flags {
namespace {

constexpr UnixMs never = std::numeric_limits<UnixMs>::max();
constexpr std::size_t changes_per_unit_max = 16;  // others have their turn in between
constexpr std::chrono::seconds again_after{1};

Author author_of(const ScheduledChange& change) {
  Author author;
  author.caller.user_id = change.author_user;
  author.caller.command_line = !change.author_user && !change.author_key;
  author.service_key = change.author_key;
  author.source = Source::schedule;
  author.comment = change.comment;
  return author;
}

hub::EventDraft schedule_failed(const DueChange& due, std::string_view error) {
  json::object data;
  data["namespace"] = due.name_space;
  data["environment"] = due.environment;
  data["id"] = due.change.id;
  data["flag_key"] = due.change.flag;
  data["error"] = error;
  data["changed_by"] = due.change.author_user ? json::value(*due.change.author_user) : json::value();
  return {"schedule.failed", json::serialize(data), hub::Audience::admins()};
}

void fail(storage::UnitOfWork& work, const DueChange& due, std::string_view error) {
  end_scheduled(work, due.change, ScheduleState::failed, error);
  eventlog::append(work, schedule_failed(due, error));
}

}  // namespace

Schedule::Schedule(storage::Writer& writer, Copies& copies, Directories& directories, const Clock& clock)
    : writer_(writer), copies_(copies), directories_(directories), clock_(clock), next_due_(never) {}

void Schedule::expect(UnixMs at) noexcept {
  UnixMs known = next_due_.load();
  while (at < known && !next_due_.compare_exchange_weak(known, at)) {
  }
}

bool Schedule::due() const noexcept {
  return clock_.unix_ms() >= next_due_.load() && clock_.steady() >= not_before_.load();
}

// A change that makes its unit throw would throw again and stop all that follow: that one is given up.
Task<std::size_t> Schedule::run() {
  if (std::exchange(running_, true)) co_return 0;
  std::size_t ended = 0;
  bool give_up = false;
  while (due()) {
    auto unit = [this, give_up](storage::UnitOfWork& work) -> Result<std::size_t> {
      const std::size_t made = give_up ? give_up_first(work) : make_due(work);
      look_ahead(work);
      return made;
    };
    const Result<storage::Committed<std::size_t>> made = co_await writer_.commit(std::move(unit));
    if (made) {
      give_up = false;
      ended += made->value;
      continue;
    }
    log::warn("schedule.refused", {{"code", name(made.error().code)}});
    expect(std::numeric_limits<UnixMs>::min());
    if (!give_up && made.error().code == ErrorCode::internal_error)
      give_up = true;
    else
      put_off();
  }
  running_ = false;
  co_return ended;
}

std::size_t Schedule::make_due(storage::UnitOfWork& work) {
  const std::vector<DueChange> changes = due_changes(work, changes_per_unit_max);
  for (const DueChange& due : changes) make(work, due);
  return changes.size();
}

void Schedule::make(storage::UnitOfWork& work, const DueChange& due) {
  const Result<> made = try_to_make(work, due, author_of(due.change));
  if (made) return end_scheduled(work, due.change, ScheduleState::done);
  fail(work, due, name(made.error().code));
}

Result<> Schedule::try_to_make(storage::UnitOfWork& work, const DueChange& due, const Author& author) {
  const ScheduledChange& change = due.change;
  if (const Result<> right = check_right(work, author, Right::write, due.name_space); !right) return right;
  Result<NamespaceEdit> edit = NamespaceEdit::open(work, copies_, directories_, due.name_space);
  if (!edit) return edit.error();
  const EnvironmentRef* environment = edit->before().environment(due.environment);
  const Flag* flag = environment == nullptr ? nullptr : (*environment)->find(change.flag);
  if (flag == nullptr) return no_flag();
  if (change.if_version && *change.if_version != flag->version)
    return Error(ErrorCode::version_mismatch, "The definition has another version.");
  const Result<json::value> patch = parse_json(change.change, {.depth = 64});
  if (!patch || !patch->is_object()) return Error(ErrorCode::invalid_json, "The change is no JSON object.");
  Reading reading{.at = "/change"};
  Result<DefinitionRef> definition = patch_definition(*flag->definition, patch->get_object(), reading);
  if (!definition) return definition.error();
  edit->put_definition(due.environment, change.flag, std::move(*definition), "/change");
  if (const Result<> judged = edit->judge(); !judged) return judged;
  const Result<NamespaceRef> finished = edit->finish(author);
  if (!finished) throw std::logic_error("what was judged to be right was refused");
  return {};
}

std::size_t Schedule::give_up_first(storage::UnitOfWork& work) {
  const std::vector<DueChange> changes = due_changes(work, 1);
  for (const DueChange& due : changes) fail(work, due, name(ErrorCode::internal_error));
  return changes.size();
}

void Schedule::look_ahead(storage::UnitOfWork& work) { next_due_.store(next_due(work).value_or(never)); }

void Schedule::put_off() noexcept { not_before_.store(clock_.steady() + again_after); }

}  // namespace corohub::flags
