#include "ingest/apply.hpp"

#include "eventlog/event_log.hpp"
#include "flags/change.hpp"
#include "flags/copies.hpp"
#include "flags/definition_patch.hpp"
#include "flags/effects.hpp"

#include <stdexcept>
#include <utility>

namespace corohub::ingest {
namespace {

// What is refused is refused before anything of it is written.
Result<flags::NamespaceRef> finish(flags::NamespaceEdit& edit, const flags::Author& author) {
  if (const Result<> judged = edit.judge(); !judged) return judged.error();
  Result<flags::NamespaceRef> finished = edit.finish(author);
  if (!finished) throw std::logic_error("what was judged to be right was refused");
  return finished;
}

Result<flags::NamespaceRef> find_or_make(storage::UnitOfWork& work, flags::Flags& flags,
                                         flags::NamespaceAccess access, const std::string& key,
                                         const flags::Author& author) {
  if (flags::NamespaceRef found = flags.copies().find(work, key)) return found;
  flags::NamespaceProperties made;
  made.key = made.name = made.app_id = key;
  made.tenant_id = "default";
  made.access = access;
  flags::NamespaceEdit edit =
      flags::NamespaceEdit::make(work, flags.copies(), flags.directories(), std::move(made));
  return finish(edit, author);
}

// The switch of a flag that is not known here: the action says it, or else the message may.
std::optional<bool> told_switch(const Message& message) noexcept {
  if (message.action == Action::enabled) return true;
  if (message.action == Action::disabled || message.action == Action::deleted) return false;
  return message.enabled;
}

// The state that the message asks for; nothing: it asks for none.
std::optional<flags::State> wanted_state(Action action) noexcept {
  if (action == Action::enabled) return flags::State::enabled;
  if (action == Action::disabled) return flags::State::disabled;
  return std::nullopt;
}

Result<> switch_flag(storage::UnitOfWork& work, flags::Flags& flags, const std::string& name_space,
                     const std::string& environment, const flags::Flag& flag, flags::State state,
                     const flags::Author& author) {
  Result<flags::NamespaceEdit> edit =
      flags::NamespaceEdit::open(work, flags.copies(), flags.directories(), name_space);
  if (!edit) return edit.error();
  const bool on = state == flags::State::enabled;
  edit->put_definition(environment, flag.key(), flags::with_state(flag.definition, state), {},
                       on ? flags::Dangling::warned : flags::Dangling::ignored);
  const Result<flags::NamespaceRef> finished = finish(*edit, author);
  if (!finished) return finished.error();
  return {};
}

}  // namespace

Result<> apply(storage::UnitOfWork& work, flags::Flags& flags, flags::NamespaceAccess access,
               const Message& message, flags::Author author) {
  author.occurred_at = message.occurred_at;
  const Result<flags::NamespaceRef> name_space =
      find_or_make(work, flags, access, message.name_space, author);
  if (!name_space) return name_space.error();
  const flags::Environment& environment = (*name_space)->default_environment();
  const flags::Flag* flag = environment.find(message.flag_key);
  const std::optional<flags::State> state = wanted_state(message.action);
  if (flag != nullptr && state && flag->definition->state != *state)
    return switch_flag(work, flags, message.name_space, environment.key, *flag, *state, author);

  flags::FlagEvent told;
  told.flag = flag;
  told.key = message.flag_key;
  told.action = name(message.action);
  if (flag != nullptr) {
    told.enabled = flag->enabled;
    told.version = flag->version;
  } else {
    told.enabled = told_switch(message);
  }
  eventlog::append(work, flags::flag_event(**name_space, environment, told, author));
  return {};
}

}  // namespace corohub::ingest
