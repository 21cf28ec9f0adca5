#include "flags/client_change.hpp"

#include "core/json_text.hpp"
#include "eventlog/event_log.hpp"
#include "flags/edits.hpp"
#include "flags/json_equality.hpp"
#include "users/audit.hpp"
#include "users/user_repository.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::flags {
namespace {

class Resolution {
 public:
  Resolution(storage::UnitOfWork& work, const Namespace& name_space, const ClientBody& body)
      : work_(work), name_space_(name_space), body_(body) {}

  Result<Client> run(const Client* before) {
    Client client;
    if (before != nullptr) client.id = before->id;
    client.namespace_id = name_space_.id;
    client.key = body_.key;
    client.name = body_.name;
    client.user_id = body_.user_id;
    if (body_.user_id && !users::find_user(work_, *body_.user_id))
      refuse("/user_id", "unknown_value", "There is no such user.");
    client.package_id = id_of(name_space_.packages, body_.package, "package");
    client.platform_id = id_of(name_space_.platforms, body_.platform, "platform");
    client.environment_id = id_of(name_space_.environments, body_.environment, "environment");
    client.attributes = body_.attributes;
    client.status = body_.status;
    client.overrides = overrides();
    if (!error_.fields.empty()) return error_;
    if (client.user_id) {
      const std::optional<Client> other = find_client_of_user(work_, name_space_.id, *client.user_id);
      if (other && other->id != client.id)
        return Error(ErrorCode::key_taken, "The user has a client in this namespace: " + other->key + ".");
    }
    return client;
  }

 private:
  void refuse(std::string at, std::string_view code, std::string message) {
    error_.fields.push_back({std::move(at), std::string(code), std::move(message)});
  }

  template <class T>
  std::int64_t id_of(const std::vector<std::shared_ptr<const T>>& all, const std::optional<std::string>& key,
                     std::string_view member) {
    if (!key) return 0;
    for (const auto& one : all)
      if (one->key == *key) return one->id;
    refuse("/" + std::string(member), "unknown_value", "There is no such " + std::string(member) + ".");
    return 0;
  }

  std::vector<Override> overrides() {
    std::vector<Override> all;
    for (const OverrideBody& said : body_.overrides) {
      const Flag* flag = name_space_.default_environment().find(said.flag);
      if (flag == nullptr)
        refuse("/overrides/" + said.flag, "unknown_flag", "There is no such flag.");
      else
        all.push_back({flag->identity->id, said.granted, said.reason, said.expires_at});
    }
    std::ranges::sort(all, {}, &Override::flag_id);
    return all;
  }

  storage::UnitOfWork& work_;
  const Namespace& name_space_;
  const ClientBody& body_;
  Error error_{ErrorCode::validation_failed};
};

MemberNames differences(const Client& before, const Client& after) {
  MemberNames changes;
  const auto compare = [&](bool differs, std::string_view member) {
    if (differs) changes.push_back(member);
  };
  compare(before.name != after.name, "name");
  compare(before.user_id != after.user_id, "user_id");
  compare(before.package_id != after.package_id, "package");
  compare(before.platform_id != after.platform_id, "platform");
  compare(before.environment_id != after.environment_id, "environment");
  compare(!are_equal_as_json(before.attributes, after.attributes), "attributes");
  compare(before.status != after.status, "status");
  compare(before.overrides != after.overrides, "overrides");
  return changes;
}

// `former_user`: whose client it was until now.
hub::EventDraft client_event(std::string_view verb, const Namespace& name_space, const Client& client,
                             std::optional<UserId> former_user, const MemberNames& changes,
                             const Author& author) {
  json::object data;
  data["namespace"] = name_space.key;
  data["id"] = client.id;
  data["key"] = client.key;
  json::array members;
  for (const std::string_view member : changes) members.emplace_back(member);
  data["changes"] = std::move(members);
  data["changed_by"] = author.caller.user_id ? json::value(*author.caller.user_id) : json::value();
  data["version"] = client.version;
  json::object whom{{"namespace", name_space.id}, {"client", client.id}};
  if (former_user) whom["former_user"] = *former_user;
  json::object attributes;
  attributes["for"] = std::move(whom);
  hub::Audience audience = hub::Audience::admins_and_clients();
  audience.user_id = client.user_id.value_or(0);
  return {.type = "client." + std::string(verb),
          .data = json_text(data),
          .audience = audience,
          .attributes = json_text(attributes)};
}

void record(storage::UnitOfWork& work, const Author& author, const Namespace& name_space,
            const std::string& client, std::string_view action, json::object detail,
            std::string_view below = {}) {
  json::object all;
  all["namespace"] = name_space.key;
  all["environment"] = nullptr;
  all["key"] = client;
  for (const json::key_value_pair& member : detail) all[member.key()] = member.value();
  all["comment"] = author.comment.empty() ? json::value() : json::value(author.comment);
  all["source"] = name(author.source);
  if (author.service_key) all["service_key"] = *author.service_key;
  std::string entity = name_space.key + "/clients/" + client;
  entity += below;
  users::record(work, author.caller, action, std::nullopt, all, entity);
}

json::value shown_or_null(const Client* client, const Namespace& name_space) {
  return client == nullptr ? json::value() : json::value(to_json(shown(*client, name_space)));
}

}  // namespace

Result<Client> resolve(storage::UnitOfWork& work, const Namespace& name_space, const ClientBody& body,
                       const Client* before) {
  return Resolution(work, name_space, body).run(before);
}

ClientRef write_client(storage::UnitOfWork& work, Directories& directories, const Author& author,
                       const Namespace& name_space, const Client* before, std::optional<Client> after) {
  ClientRef was = before == nullptr ? nullptr : std::make_shared<const Client>(*before);
  std::shared_ptr<Client> now = after ? std::make_shared<Client>(std::move(*after)) : nullptr;
  MemberNames changes;
  std::string_view verb = "updated";
  if (was && now) {
    changes = differences(*was, *now);
    if (changes.empty()) return was;
    now->version = was->version + 1;
    now->created_at = was->created_at;
    now->updated_at = work.now();
    save_client(work, *now);
  } else if (now) {
    verb = "created";
    now->version = 1;
    now->created_at = now->updated_at = work.now();
    insert_client(work, *now);
  } else {
    verb = "deleted";
    delete_client(work, was->id);
  }
  const Client& client = now ? *now : *was;
  const std::string action = "client." + std::string(verb.substr(0, verb.size() - 1));
  record(work, author, name_space, client.key, action,
         {{"before", shown_or_null(before, name_space)}, {"after", shown_or_null(now.get(), name_space)}});
  const std::optional<UserId> former =
      was && now && was->user_id != now->user_id ? was->user_id : std::optional<UserId>();
  hub::EventDraft event = client_event(verb, name_space, client, former, changes, author);
  eventlog::change_shards(work, directories.change(ClientChange{std::move(was), now}));
  eventlog::append(work, std::move(event));
  return now;
}

void record_client_key(storage::UnitOfWork& work, const Author& author, const Namespace& name_space,
                       const Client& client, const ClientKey& key, bool made) {
  const json::value about = {{"id", key.id}, {"name", key.name}};
  record(work, author, name_space, client.key, made ? "client_key.create" : "client_key.revoke",
         {{"before", made ? json::value() : about}, {"after", made ? about : json::value()}},
         "/keys/" + std::to_string(key.id));
}

Error no_client() { return Error(ErrorCode::not_found, "There is no such client."); }

}  // namespace corohub::flags
