#include "gateway/socketio/client_place.hpp"

#include "gateway/session/client_judge.hpp"
#include "gateway/session/flag_watching.hpp"
#include "gateway/session/topic_rights.hpp"
#include "gateway/socketio/bodies.hpp"

#include <utility>

namespace corohub::gateway::socketio {
namespace {

Error wrong(std::string_view member, std::string message) {
  Error error(ErrorCode::validation_failed);
  error.fields.push_back({"/" + std::string(member), "invalid_type", std::move(message)});
  return error;
}

// A user is a client in `default`, or in one other namespace: else it says where.
std::string home_of_user(const flags::Directory& flags, UserId user) {
  const flags::Namespace* home = nullptr;
  for (const flags::NamespaceRef& one : flags.all()) {
    if (flags.clients().of_user(one->id, user) == nullptr) continue;
    if (home != nullptr || one->key == "default") return "default";
    home = one.get();
  }
  return home != nullptr ? home->key : "default";
}

std::string home_of(const flags::Directory& flags, const hub::Identity& who) {
  if (who.kind == hub::Identity::Kind::client) {
    const flags::ClientRef* const client = flags.clients().find(who.key->client_id);
    const flags::NamespaceRef* const own = client ? flags.find((*client)->namespace_id) : nullptr;
    if (own != nullptr) return (*own)->key;
  }
  return who.is_user() ? home_of_user(flags, who.user_id) : "default";
}

}  // namespace

Result<ClientPlace> find_place(const flags::Directory& flags, const hub::Identity& who,
                               const json::object& asked) {
  ClientPlace place;
  for (const auto& [name, text] :
       {std::pair("namespace", &place.name_space), std::pair("environment", &place.environment)}) {
    const json::value* const member = asked.if_contains(name);
    if (member == nullptr || member->is_null()) continue;
    if (!member->is_string()) return wrong(name, "Must be a text.");
    *text = member->get_string();
  }
  if (const json::value* const context = asked.if_contains("context"); context && !context->is_null()) {
    if (!context->is_object()) return wrong("context", "Must be an object.");
    place.context = context->get_object();
    const Result<flags::Context> read = flags::Context::read(place.context);
    if (!read) return wrong("context", read.error().detail);
    if (read->canonical().size() > watch_context_bytes_max)
      return wrong("context", "May be at most 8 KiB of JSON.");
  }
  const bool names_none = place.name_space.empty();
  if (names_none) place.name_space = home_of(flags, who);
  const bool may = Standpoint(flags, who, place).environment() != nullptr;
  if (who.is_guest() && (names_none || !may))
    return Error(ErrorCode::unauthorized, "This needs an access token or a key.");
  if (!may) return Error(ErrorCode::not_found, "There is no such namespace or environment.");
  return place;
}

Standpoint::Standpoint(const flags::Directory& flags, const hub::Identity& who, const ClientPlace& place)
    : viewer_(viewer_of(who)) {
  const flags::NamespaceRef* const found = flags.find(place.name_space);
  if (found == nullptr) return;
  name_space_ = *found;
  who_.emplace(flags.standing(viewer_, *name_space_));
  const flags::EnvironmentRef* const environment =
      name_space_->environment(place.environment.empty() ? who_->home().key : place.environment);
  if (environment != nullptr && who_->may_evaluate(**environment)) environment_ = environment->get();
}

const flags::Flag* Standpoint::if_seen(const flags::Flag* flag) const noexcept {
  return flag != nullptr && who_->sees(*flag) ? flag : nullptr;
}

const flags::Flag* Standpoint::find(std::string_view key) const noexcept {
  return environment_ != nullptr ? if_seen(environment_->find(key)) : nullptr;
}

const flags::Flag* Standpoint::find(std::int64_t flag_id) const noexcept {
  return environment_ != nullptr ? if_seen(environment_->find(flag_id)) : nullptr;
}

bool is_about(const hub::Event& client_event, const hub::Identity& who, const Standpoint& here) {
  const std::optional<std::int64_t> id = number_member(client_event, "id");
  if (who.is_key()) return id == who.key->client_id;
  if (!who.is_user()) return false;
  if (here.client() != nullptr && id == here.client()->id) return true;
  // It is deleted, or disabled, or somebody else's.
  const bool was_its_user = here.client() == nullptr && client_event.audience().user_id == who.user_id;
  return was_its_user || ClientJudge::former_user_of(client_event) == who.user_id;
}

const flags::Evaluation& Evaluations::of(const flags::Flag& flag, const Standpoint& here,
                                         const json::object& context) {
  if (!is_as_before(here)) begin(here, context);
  const auto [known, is_new] = known_.try_emplace(&flag);
  if (is_new) known->second = evaluator_->evaluate(flag);
  return known->second;
}

bool Evaluations::is_as_before(const Standpoint& here) const noexcept {
  return evaluator_ && name_space_ == here.name_space() && environment_ == here.environment() &&
         rights_ == rights_of(here.standing());
}

void Evaluations::begin(const Standpoint& here, const json::object& context) {
  known_.clear();
  evaluator_.reset();
  name_space_ = here.name_space();
  environment_ = here.environment();
  rights_ = rights_of(here.standing());
  context_ = flags::Context::read(context).value();  // it was good when the seat began
  context_->set_caller(here.standing(), environment_->key);
  evaluator_.emplace(*environment_, *context_, here.standing().now() / 1000);
}

std::string Standpoint::topic() const {
  std::string topic = "flags/" + name_space_->key;
  return environment_->is_default ? topic : topic + "/" + environment_->key;
}

}  // namespace corohub::gateway::socketio
