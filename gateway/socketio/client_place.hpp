// Where a client's seat is: the namespace, the environment and the context that its views are of. Used on its
// shard's thread only.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/directory.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "gateway/session/command.hpp"
#include "hub/audience.hpp"
#include "hub/event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::gateway::socketio {

struct ClientPlace {
  std::string name_space;
  std::string environment;  // empty: the client's own, or the default one
  json::object context;

  WatchFlags watch() const { return {name_space, environment, context, {}}; }
};

// What CONNECT asks for, for somebody who may evaluate there. Without a namespace it is that of the key's
// client, the one in which the user is a client, or `default`. unauthorized: a guest who names no public
// namespace; not_found; validation_failed.
Result<ClientPlace> find_place(const flags::Directory& flags, const hub::Identity& who,
                               const json::object& asked);

// As the shard knows it in this turn.
class Standpoint {
 public:
  Standpoint(const flags::Directory& flags, const hub::Identity& who, const ClientPlace& place);
  Standpoint(const Standpoint&) = delete;
  Standpoint& operator=(const Standpoint&) = delete;

  // Null: the namespace is gone.
  const flags::NamespaceRef& name_space() const noexcept { return name_space_; }
  // The client that this somebody is there; null: none, or it is disabled.
  const flags::Client* client() const noexcept { return who_ ? who_->client() : nullptr; }
  const flags::Package* package() const noexcept { return who_ ? who_->package() : nullptr; }
  // Where it evaluates; null: it may not, or not any more.
  const flags::Environment* environment() const noexcept { return environment_; }
  // The flag if it is seen from here; null: it is not.
  const flags::Flag* find(std::string_view key) const noexcept;
  const flags::Flag* find(std::int64_t flag_id) const noexcept;
  const json::object* limits_of(const flags::Flag& flag) const noexcept {
    return who_->limits_of(*flag.identity);
  }
  // What this somebody is there. As long as the namespace is there.
  const flags::Standing& standing() const noexcept { return *who_; }
  // The topic of its environment's flags.
  std::string topic() const;

 private:
  const flags::Flag* if_seen(const flags::Flag* flag) const noexcept;

  const flags::Viewer viewer_;
  flags::NamespaceRef name_space_;
  std::optional<flags::Standing> who_;
  const flags::Environment* environment_ = nullptr;
};

// Whether an event of a client is about this somebody, who is that client, or was it as its user.
bool is_about(const hub::Event& client_event, const hub::Identity& who, const Standpoint& here);

// A client's flags, each evaluated once as long as the definitions and this client's rights stay as they are;
// what depends on time is as it was then. It keeps the namespace alive.
class Evaluations {
 public:
  // Of a flag that is seen from here. `context`: the same in each call.
  const flags::Evaluation& of(const flags::Flag& flag, const Standpoint& here, const json::object& context);

 private:
  bool is_as_before(const Standpoint& here) const noexcept;
  void begin(const Standpoint& here, const json::object& context);

  flags::NamespaceRef name_space_;
  const flags::Environment* environment_ = nullptr;
  std::uint64_t rights_ = 0;
  std::optional<flags::Context> context_;
  std::optional<flags::Evaluator> evaluator_;
  boost::unordered_flat_map<const flags::Flag*, flags::Evaluation> known_;
};

}  // namespace corohub::gateway::socketio
