#include "users/events.hpp"

#include "core/json.hpp"

#include <boost/json/serialize.hpp>

namespace corohub::users {
namespace {

json::value id_or_null(Actor by) { return by ? json::value(*by) : json::value(nullptr); }

json::array words(const Changes& changes) {
  json::array out;
  for (const std::string_view change : changes) out.emplace_back(change);
  return out;
}

hub::EventDraft draft(std::string_view type, const json::object& data, hub::Audience audience) {
  return {std::string(type), json::serialize(data), audience};
}

}  // namespace

hub::EventDraft user_created(const Account& account) {
  json::object data;
  data["user_id"] = account.id;
  data["name"] = account.name;
  data["email"] = account.email;
  data["role"] = name(account.role);
  data["created_at"] = rfc3339(account.created_at);
  return draft("user.created", data, hub::Audience::admins());
}

hub::EventDraft user_updated(const Account& account, const Changes& changes, Actor by) {
  json::object data;
  data["user_id"] = account.id;
  data["changes"] = words(changes);
  data["updated_by"] = id_or_null(by);
  data["updated_at"] = rfc3339(account.updated_at);
  return draft("user.updated", data, hub::Audience::user_and_admins(account.id));
}

hub::EventDraft profile_updated(const Account& account, const Changes& changes) {
  json::object data;
  data["user_id"] = account.id;
  data["changes"] = words(changes);
  data["updated_at"] = rfc3339(account.updated_at);
  return draft("profile.updated", data, hub::Audience::user(account.id));
}

hub::EventDraft user_deleted(const Account& account, Actor by, UnixMs at) {
  json::object data;
  data["user_id"] = account.id;
  data["email"] = account.email;
  data["deleted_by"] = id_or_null(by);
  data["deleted_at"] = rfc3339(at);
  return draft("user.deleted", data, hub::Audience::admins());
}

hub::EventDraft user_role_changed(const Account& account, Role before, Actor by, UnixMs at) {
  json::object data;
  data["user_id"] = account.id;
  data["old_role"] = name(before);
  data["new_role"] = name(account.role);
  data["changed_by"] = id_or_null(by);
  data["changed_at"] = rfc3339(at);
  return draft("user.role.changed", data, hub::Audience::user_and_admins(account.id));
}

hub::EventDraft password_changed(UserId user, UnixMs at) {
  json::object data;
  data["user_id"] = user;
  data["changed_at"] = rfc3339(at);
  return draft("password.changed", data, hub::Audience::user(user));
}

}  // namespace corohub::users
