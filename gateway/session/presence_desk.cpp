#include "gateway/session/presence_desk.hpp"

#include <memory>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using Kind = hub::PresenceNotice::Kind;

std::string_view type_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::joined:
      return "presence.joined";
    case Kind::left:
      return "presence.left";
    case Kind::online:
      return "user.online";
    case Kind::offline:
      return "user.offline";
  }
  return {};
}

json::object to_json(const hub::Person& person) {
  json::object object;
  object["user_id"] = person.user_id;
  object["name"] = person.name;
  return object;
}

json::object to_json(const std::vector<hub::Person>& people, std::size_t count, bool listed) {
  json::object object;
  if (listed) {
    json::array users;
    users.reserve(people.size());
    for (const hub::Person& person : people) users.push_back(to_json(person));
    object["users"] = std::move(users);
  }
  object["count"] = count;
  return object;
}

hub::Notice to_entry(hub::PresenceNotice&& notice, UnixMs now) {
  const bool of_topic = !notice.topic.empty();
  const json::object data = of_topic ? to_json(notice.people, notice.count, !notice.people.empty())
                                     : to_json(notice.people.front());
  hub::EventDraft draft{
      std::string(type_of(notice.kind)), json::serialize(data), {notice.roles, 0}, std::move(notice.topic)};
  return {hub::EventRef(new hub::Event(std::move(draft), 0, now)), std::move(notice.only),
          std::move(notice.except)};
}

}  // namespace

// ---- answers ----

Result<json::object> PresenceDesk::who_is_in(std::string_view topic, const Onlooker& onlooker) {
  if (const Result<> may = take(onlooker); !may) return may.error();
  const hub::TopicRule* rule = rules_.readable(topic, onlooker.role);
  if (rule == nullptr) return Error(ErrorCode::forbidden, "You may not ask who is in this topic.");
  if (rule->presence == hub::PresenceMode::off)
    return Error(ErrorCode::forbidden, "This topic has no presence.");
  const hub::Presence::Snapshot snapshot = presence().snapshot(topic);
  return to_json(snapshot.people, snapshot.count, rule->presence == hub::PresenceMode::list);
}

Result<json::array> PresenceDesk::who_is_online(const std::vector<UserId>& users, const Onlooker& onlooker) {
  if (const Result<> may = take(onlooker); !may) return may.error();
  json::array list;
  for (const UserId user : users) {
    json::object one;
    one["user_id"] = user;
    one["online"] = presence().is_online(user);
    list.push_back(std::move(one));
  }
  return list;
}

Result<> PresenceDesk::take(const Onlooker& onlooker) {
  if (onlooker.exempt) return {};
  if (std::optional<Error> refusal = questions_.take(std::to_string(onlooker.user_id))
                                         .refusal("You ask for presence more often than you may."))
    return *refusal;
  return {};
}

// ---- events ----

void PresenceDesk::tick() {
  if (refused_ && !hub_.try_publish(refused_)) return;
  refused_.reset();
  const UnixMs now = clock_.unix_ms();
  std::vector<hub::Entry> entries;
  for (hub::PresenceNotice& notice : presence().tick())
    entries.emplace_back(to_entry(std::move(notice), now));
  if (entries.empty()) return;
  auto batch = std::make_shared<hub::Batch>(std::move(entries));
  if (!hub_.try_publish(batch)) refused_ = std::move(batch);
}

void PresenceDesk::publish_typing(std::string_view topic, const hub::TopicRule& rule, UserId user,
                                  bool typing) {
  json::object data = to_json(hub::Person{user, presence().name_of(user)});
  data["typing"] = typing;
  hub::EventDraft draft{"typing", json::serialize(data), {rule.subscribers, 0}, std::string(topic)};
  hub::Notice notice{hub::EventRef(new hub::Event(std::move(draft), 0, clock_.unix_ms()))};
  notice.except = {user};
  notice.if_idle = true;
  std::vector<hub::Entry> entries;
  entries.emplace_back(std::move(notice));
  hub_.try_publish(std::make_shared<hub::Batch>(std::move(entries)));
}

}  // namespace corohub::gateway
