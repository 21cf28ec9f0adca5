// A namespace of flags that change, and clients on real sockets that watch what those give them.
#pragma once

#include "core/json_text.hpp"
#include "gateway/session/flag_watching.hpp"
#include "session_rig.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::test {
using flags::NamespaceAccess;
// What a test may change of a namespace; each build() is its next state.
struct World {
  struct FlagPlan {
    std::string variant = "a";
    std::string rule = "null";
    bool enabled = true;
    bool gated = false;
    bool visible = true;
    std::string parent{};
    std::string name{};  // the key, if it is empty
  };

  flags::DefinitionRef definition(const FlagPlan& plan) {
    const std::string text = R"({"state":")" + std::string(plan.enabled ? "ENABLED" : "DISABLED") +
                             R"(","variants":{"a":"A","b":"B"},"defaultVariant":")" + plan.variant + "\"" +
                             (plan.rule == "null" ? "" : R"(,"targeting":)" + plan.rule) + "}";
    flags::DefinitionRef& known = definitions[text];
    if (!known) {
      flags::Reading reading;
      known = flags::parse_definition(parse_json(text).value().as_object(), reading).value();
    }
    return known;
  }

  flags::NamespaceRef build() {
    auto made = std::make_shared<flags::Namespace>();
    made->id = 1;
    made->key = "bep";
    made->access = access;
    auto gold = std::make_shared<flags::Package>();
    gold->id = 7;
    gold->key = "gold";
    gold->version = package_version;
    for (const std::int64_t id : features) gold->features.push_back({id, {{"seats", package_version}}});
    made->packages = {gold};
    flags::Reading reading;
    auto segment = std::make_shared<flags::Segment>();
    segment->key = "staff";
    segment->rule = flags::parse_segment(parse_json(segment_rule).value(), reading).value();
    ++revision;
    std::vector<flags::Flag> list;
    for (const auto& [key, plan] : plans) {
      auto identity = std::make_shared<flags::FlagIdentity>();
      identity->id = ids.try_emplace(key, static_cast<std::int64_t>(ids.size()) + 1).first->second;
      identity->key = key;
      identity->name = plan.name.empty() ? key : plan.name;
      identity->type = flags::ValueType::string;
      identity->client_visible = plan.visible;
      identity->package_gated = plan.gated;
      if (!plan.parent.empty()) identity->parent = plan.parent;
      flags::Flag flag;
      flag.identity = std::move(identity);
      flag.definition = definition(plan);
      list.push_back(std::move(flag));
    }
    flags::EnvironmentParts parts;
    parts.id = 1;
    parts.key = "default";
    parts.is_default = true;
    parts.revision = revision;
    parts.segments = {segment};
    made->environments.push_back(std::make_shared<flags::Environment>(std::move(parts), std::move(list),
                                                                      std::vector<flags::PlatformRef>()));
    return made;
  }

  std::map<std::string, FlagPlan> plans;
  std::map<std::string, std::int64_t> ids;
  std::map<std::string, flags::DefinitionRef> definitions;
  std::set<std::int64_t> features;
  std::int64_t package_version = 1;
  std::string segment_rule = R"({"==":[{"var":"team"},"staff"]})";
  NamespaceAccess access = NamespaceAccess::users;
  Seq revision = 0;
};

inline const std::string by_role = R"({"if":[{"==":[{"var":"corohub.role"},"admin"]},"b","a"]})";
inline const std::string by_package = R"({"if":[{"==":[{"var":"corohub.package"},"gold"]},"b","a"]})";
inline const std::string by_segment = R"({"if":[{"$ref":"staff"},"b","a"]})";
inline const std::string by_user = R"({"if":[{"==":[{"var":"corohub.userId"},1]},"b","a"]})";

// What a client has been told, added up.
struct Told {
  std::map<std::string, std::string> values{};
  std::vector<std::string> events{};  // "flags -removed", or "resync"
  bool watching = false;
};

inline Told told_to(const RawClient& client) {
  Told all;
  for (const json::object& message : messages(client)) {
    const json::value* data = message.if_contains("data");
    if (data == nullptr || !data->is_object()) continue;
    const json::object& what = data->get_object();
    if (message.contains("ok") && what.contains("flags")) {
      all = {.watching = true};
    } else if (message.at("type") != "flag.values") {
      continue;
    } else if (what.contains("resync") && !what.contains("removed")) {
      all.watching = false;
      all.events.emplace_back("resync");
      continue;
    }
    std::string event;
    for (const json::value& item : what.at("flags").as_array()) {
      const std::string key(item.at("key").as_string());
      all.values[key] = json_text(item);
      event += key + " ";
    }
    if (message.contains("ok")) continue;
    for (const json::value& key : what.at("removed").as_array()) {
      all.values.erase(std::string(key.as_string()));
      event += "-" + std::string(key.as_string()) + " ";
    }
    if (!event.empty()) event.pop_back();
    all.events.push_back(std::move(event));
  }
  return all;
}

class FlagWatchingTest : public testing::Test {
 protected:
  explicit FlagWatchingTest(FlagWatchLimits limits = {}) : rig_(limits) {
    world_.plans["one"] = {};
    world_.plans["role"] = {.rule = by_role};
    world_.plans["two"] = {};
    now_ = world_.build();
    rig_.flags.begin_with({now_});
  }

  void change() {
    flags::NamespaceRef next = world_.build();
    rig_.flags.apply(flags::NamespaceChange{now_, next});
    now_ = std::move(next);
  }
  void set_client(flags::ClientRef next) {
    if (client_ == nullptr && next == nullptr) return;
    rig_.flags.apply(flags::ClientChange{client_, next});
    client_ = std::move(next);
  }
  flags::ClientRef make_client(std::int64_t package, std::vector<flags::Override> overrides = {}) {
    auto made = std::make_shared<flags::Client>();
    made->id = 5;
    made->key = "acme";
    made->namespace_id = 1;
    made->user_id = 1;
    made->package_id = package;
    made->overrides = std::move(overrides);
    made->version = ++client_version_;
    return made;
  }
  void become(Role role) {
    auto changed = std::make_shared<Account>(*user_);
    changed->role = role;
    role_ = role;
    rig_.publish({hub::AccountChanged{1, changed, CloseReason::session_revoked}});
  }
  void pass() { rig_.pass(std::chrono::milliseconds(300)); }

  std::string ask(RawClient& client, const std::string& type, const std::string& data) {
    const auto answers = [&] {
      std::vector<json::object> all;
      for (const json::object& message : messages(client))
        if (message.contains("id")) all.push_back(message);
      return all;
    };
    const std::size_t before = answers().size();
    client.send(encode({.payload = R"({"type":")" + type + R"(","id":1,"data":)" + data + "}"}));
    rig_.until([&] { return answers().size() > before; });
    const json::object last = answers().back();
    return last.contains("ok") ? "ok" : std::string(last.at("data").at("code").as_string());
  }
  std::unique_ptr<RawClient> watching(const std::string& data = R"({"namespace":"bep"})",
                                      const Account* account = nullptr) {
    auto client = rig_.connect(account != nullptr ? *account : *user_);
    EXPECT_EQ(ask(*client, "flag.watch", data), "ok");
    return client;
  }

  // All that was sent has arrived once a question is answered.
  Told heard(RawClient& client) {
    ask(client, "ping", "{}");
    return told_to(client);
  }
  static json::object last_values(const RawClient& client) {
    json::object last;
    for (const json::object& message : messages(client))
      if (message.at("type") == "flag.values") last = message;
    return last;
  }

  // All flags evaluated anew.
  std::map<std::string, std::string> oracle(const json::object& context = {}) {
    std::map<std::string, std::string> all;
    const flags::Viewer viewer{.kind = flags::Viewer::Kind::user, .user_id = 1, .role = role_};
    const flags::Namespace& name_space = **rig_.flags.find("bep");
    const flags::Standing who = rig_.flags.standing(viewer, name_space);
    if (!who.may_evaluate()) return all;
    const flags::Environment& environment = who.home();
    flags::Context read = flags::Context::read(context).value();
    read.set_caller(who, environment.key);
    flags::Evaluator evaluator(environment, read, 0);
    for (const flags::Flag& flag : environment.flags()) {
      if (!who.sees(flag)) continue;
      std::string item;
      flags::append_evaluation(item, environment, evaluator.evaluate(flag), nullptr,
                               who.limits_of(*flag.identity));
      all[flag.key()] = json_text(parse_json(item).value());
    }
    return all;
  }

  SessionRig rig_;
  AccountRef user_ = rig_.add_account(1, Role::user);
  AccountRef other_ = rig_.add_account(2, Role::user);
  World world_;
  flags::NamespaceRef now_;
  flags::ClientRef client_;
  std::int64_t client_version_ = 0;
  Role role_ = Role::user;
};

}  // namespace corohub::gateway::test
