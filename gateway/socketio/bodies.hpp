// What Socket.IO's namespaces for administrators and for clients say of platforms, flags, packages and of the
// server: JSON texts with these members in this order. Pure. Throws for memory.
#pragma once

#include "core/clock.hpp"
#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "flags/evaluation/viewer.hpp"
#include "gateway/session/flag_watching.hpp"
#include "hub/event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::socketio {

// ---- things, as they are now ----

// {"id","platform","display_name","is_enabled","config","namespace","version","updated_at"}; clients have it
// without config and version.
std::string platform_for_admins(const flags::Namespace& name_space, const flags::Platform& platform);
std::string platform_for_clients(const flags::Namespace& name_space, const flags::Platform& platform);
// All of a namespace, as clients have them: a list.
std::string platforms_for_clients(const flags::Namespace& name_space);

// {"id","feature_key","display_name","is_enabled","parent_id","platform","package_gated","sub_features",
// "namespace","environment","version"}: the flag in one environment, with the flags whose parent it is.
std::string feature_for_admins(const flags::Namespace& name_space, const flags::Environment& environment,
                               const flags::Flag& flag);

// The same of a flag of which the server knows what this event says. What a flag need not have is not there,
// and what nobody knows is null. Of one that is deleted: {"id":null,"feature_key","deleted":true}.
std::string unknown_feature(const hub::Event& flag_event);

// {"id","name","display_name","description","price","currency","billing_period","is_active","features",
// "limits"}. Its flags by their keys; a client, who has the package, is told of those that it sees.
std::string package_for_admins(const flags::Namespace& name_space, const flags::Package& package);
std::string package_for_client(const flags::Standing& client);

// {"id","deleted":true}
std::string gone_text(std::int64_t id);

// A flag as one client has it: {"id","feature_key","display_name","is_enabled","value","variant","reason",
// "parent_id","limits"}.
const FlagText& view_text() noexcept;
// Of a boolean flag that its value is true, of others that they are not DISABLED.
bool is_on(const flags::Evaluation& evaluation) noexcept;

// ---- what has happened ----

// {"type":"toggle","platform_id":7,"data":…,"timestamp":…}; without a toggle the type is `update`. `kind`:
// platform, feature or package. The id 0 is null.
std::string update_text(std::string_view kind, bool is_toggle, std::int64_t id, std::string_view data,
                        UnixMs at);

// An event of a platform, a package or a flag, as far as its receivers need to know what it was about.
struct Change {
  std::string_view kind;  // platform, feature or package
  std::string name_space;
  std::string environment{};  // of a feature
  std::int64_t id = 0;        // 0: of a flag that the server knows by its name alone
  bool is_toggle = false;
};
// Nothing: of none of these.
std::optional<Change> change_of(const hub::Event& event);
// Whether change_of() may answer something: by the type alone.
bool may_be_change(const hub::Event& event) noexcept;
// The name under which it leaves: `platform_update`.
std::string_view update_name(std::string_view kind) noexcept;

// The status of the whole server that an event of its health, or of what it says of itself, brings with it.
// Nothing: it is no such event; empty: it says something else of itself.
std::optional<std::string> server_status(const hub::Event& event);

// ---- for clients ----

// {"type":"sync_required","reason":…,"timestamp":…}
std::string sync_text(std::string_view reason, UnixMs at);
// The same; `reason` is JSON text.
std::string sync_text_of(std::string_view reason, UnixMs at);
// Why a client has to ask again what it has, by an event `client.…`. Empty: it need not. `is_client`: it
// still is one.
std::string_view sync_reason(const hub::Event& client_event, bool is_client);
// Whether a user may be a client by it who was none.
bool makes_client_of_user(const hub::Event& client_event);

// {"type":"announcement","message","priority","metadata","sent_by","timestamp"} of a `system.alert`.
std::string announcement_text(const hub::Event& alert);

// {"status","timestamp"}
std::string status_text(std::string_view status, UnixMs at);

// ---- members of an event's data; nothing: they are not there, or null ----
std::string text_member(const hub::Event& event, std::string_view name);
std::optional<std::int64_t> number_member(const hub::Event& event, std::string_view name);

}  // namespace corohub::gateway::socketio
