#include "flags/schedule.hpp"

#include "core/log.hpp"
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/change_unit.hpp"
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
  const ScheduledChange failed = end_scheduled(work, due.change, ScheduleState::failed, error);
  record_scheduled(work, author_of(due.change), {failed, due.name_space, due.environment}, &due.change);
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

// A change that makes its unit throw would throw again and stop all that follow: that one is given up. Which
// it was is known when it was alone in its unit.
Task<std::size_t> Schedule::run() {
  if (std::exchange(running_, true)) co_return 0;
  std::size_t ended = 0;
  std::size_t together = changes_per_unit_max;
  ScheduleId hopeless = 0;
  while (due()) {
    auto unit = [this, together, hopeless](storage::UnitOfWork& work) -> Result<std::size_t> {
      const std::size_t made = hopeless != 0 ? give_up(work, hopeless) : make_due(work, together);
      look_ahead(work);
      return made;
    };
    const Result<storage::Committed<std::size_t>> made = co_await writer_.commit(std::move(unit));
    if (made) {
      hopeless = 0;
      ended += made->value;
      continue;
    }
    log::warn("schedule.refused", {{"code", name(made.error().code)}});
    expect(std::numeric_limits<UnixMs>::min());
    if (hopeless != 0 || made.error().code != ErrorCode::internal_error)
      put_off();
    else if (together > 1)
      together = 1;
    else if (hopeless = last_tried_; hopeless == 0)
      put_off();  // none of them was reached
  }
  running_ = false;
  co_return ended;
}

std::size_t Schedule::make_due(storage::UnitOfWork& work, std::size_t count_max) {
  last_tried_ = 0;
  const std::vector<DueChange> changes = due_changes(work, count_max);
  for (const DueChange& due : changes) {
    last_tried_ = due.change.id;
    make(work, due);
  }
  return changes.size();
}

void Schedule::make(storage::UnitOfWork& work, const DueChange& due) {
  const Result<> made = try_to_make(work, due, author_of(due.change));
  if (made)
    end_scheduled(work, due.change, ScheduleState::done);
  else
    fail(work, due, name(made.error().code));
}

Result<> Schedule::try_to_make(storage::UnitOfWork& work, const DueChange& due, const Author& author) {
  const ScheduledChange& change = due.change;
  if (const Result<> right = check_right(work, author, Right::write, due.name_space); !right) return right;
  Result<NamespaceEdit> edit = NamespaceEdit::open(work, copies_, directories_, due.name_space);
  if (!edit) return edit.error();
  const EnvironmentRef* environment = edit->before().environment(due.environment);
  const Flag* flag = environment == nullptr ? nullptr : (*environment)->find(change.flag);
  if (flag == nullptr || flag->identity->id != change.flag_id) return no_flag();
  if (change.if_version && *change.if_version != flag->version)
    return Error(ErrorCode::version_mismatch, "The definition has another version.");
  const Result<json::object> patch = parse_document(change.change);
  if (!patch) return patch.error();
  Reading reading{.strict = change.strict, .at = "/change"};
  Result<DefinitionRef> definition = patch_definition(*flag->definition, *patch, reading);
  if (!definition) return definition.error();
  edit->put_definition(due.environment, change.flag, std::move(*definition), "/change", dangling_of(reading));
  if (const Result<> judged = edit->judge(); !judged) return judged;
  const Result<NamespaceRef> finished = edit->finish(author);
  if (!finished) throw std::logic_error("what was judged to be right was refused");
  return {};
}

// Another one may have come before it meanwhile: that one is tried first.
std::size_t Schedule::give_up(storage::UnitOfWork& work, ScheduleId id) {
  const std::vector<DueChange> changes = due_changes(work, 1);
  if (changes.empty() || changes.front().change.id != id) return 0;
  fail(work, changes.front(), name(ErrorCode::internal_error));
  return 1;
}

void Schedule::look_ahead(storage::UnitOfWork& work) { next_due_.store(next_due(work).value_or(never)); }

void Schedule::put_off() noexcept { not_before_.store(clock_.steady() + again_after); }

}  // namespace corohub::flags
