// Random changes of flags, packages and clients: what each viewer gets is what the rules say, written down
// here a second time in the simplest way, flag by flag and from the beginning.
#include "ofrep_rig.hpp"

#include <array>
#include <random>
#include <set>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using namespace std::chrono_literals;

// All that there is, as a person would write it down.
struct SaidFlag {
  bool enabled = true;
  bool on = true;  // its default; else it is `off`
  bool visible = true;
  bool gated = false;
  bool has_off_variant = false;
  int parent = -1;  // an earlier flag
};
struct SaidOverride {
  bool granted = false;
  UnixMs until = 0;  // 0: for ever
};
struct SaidClient {
  bool active = true;
  int package = -1;
  std::map<int, SaidOverride> overrides{};  // by flag
};

constexpr int flag_count = 7, package_count = 2, client_count = 3;

struct World {
  std::array<SaidFlag, flag_count> flags;
  std::array<std::map<int, int>, package_count> packages;  // a limit by flag
  std::array<SaidClient, client_count> clients;
};

std::string key_of(int flag) { return "f" + std::to_string(flag); }

// ---- the rules ----

class Oracle {
 public:
  // `client` -1: none. `all`: a service as itself.
  Oracle(const World& world, UnixMs now, int client, bool all)
      : world_(world), now_(now), client_(client >= 0 ? &world.clients[client] : nullptr), all_(all) {
    if (client_ != nullptr && !client_->active) client_ = nullptr;
  }

  json::array flags() const {
    json::array items;
    for (int i = 0; i < flag_count; ++i)
      if (sees(i)) items.push_back(item(i));
    return items;
  }

 private:
  bool granted(int flag) const {
    if (client_ == nullptr) return false;
    const auto own = client_->overrides.find(flag);
    if (own != client_->overrides.end() && (own->second.until == 0 || own->second.until > now_))
      return own->second.granted;
    return client_->package >= 0 && world_.packages[client_->package].contains(flag);
  }
  bool sees(int flag) const {
    if (all_) return true;
    const SaidFlag& said = world_.flags[flag];
    return said.visible && (!said.gated || granted(flag)) && (said.parent < 0 || sees(said.parent));
  }
  // Of a boolean parent without targeting.
  bool is_closed(int flag) const {
    const int parent = world_.flags[flag].parent;
    if (parent < 0) return false;
    return !world_.flags[parent].enabled || is_closed(parent) || !world_.flags[parent].on;
  }
  json::object item(int flag) const {
    const SaidFlag& said = world_.flags[flag];
    json::object item{{"key", key_of(flag)}};
    json::object metadata;
    if (granted(flag) && client_->package >= 0 && world_.packages[client_->package].contains(flag))
      metadata["limits.n"] = world_.packages[client_->package].at(flag);
    const auto value = [&](bool on) {
      item["value"] = on;
      item["variant"] = on ? "on" : "off";
    };
    if (!said.enabled) {
      item["reason"] = "DISABLED";
    } else if (is_closed(flag)) {
      item["reason"] = "DISABLED";
      metadata["gate"] = "parent";
      if (said.has_off_variant) value(false);
    } else {
      item["reason"] = "STATIC";
      value(said.on);
    }
    item["metadata"] = std::move(metadata);
    return item;
  }

  const World& world_;
  const UnixMs now_;
  const SaidClient* client_;
  const bool all_;
};

// ---- the same for the server ----

class OfrepModel : public testing::Test {
 protected:
  static flags::PackageRef made_package(const World& world, int index, std::int64_t version) {
    std::vector<flags::Feature> features;
    for (const auto& [flag, limit] : world.packages[index]) features.push_back({flag + 1, {{"n", limit}}});
    return package("p" + std::to_string(index), std::move(features), version);
  }
  void put_namespace() {
    ++revision;
    std::vector<MadeFlag> made;
    for (int i = 0; i < flag_count; ++i) {
      const SaidFlag& said = world.flags[i];
      made.push_back({key_of(i),
                      std::string(R"({"state":")") + (said.enabled ? "ENABLED" : "DISABLED") +
                          R"(","variants":{"on":true,"off":false},"defaultVariant":")" +
                          (said.on ? "on" : "off") + R"("})",
                      said.visible, said.parent < 0 ? "" : key_of(said.parent), said.gated, i + 1,
                      said.has_off_variant ? "off" : ""});
    }
    rig.put(name_space("default", flags::NamespaceAccess::everybody,
                       {environment("default", revision, made, default_parts())},
                       {made_package(world, 0, revision), made_package(world, 1, revision)}));
  }
  // The client of id 1 + `index`, of the user of that id.
  void put_client(int index) {
    const SaidClient& said = world.clients[index];
    flags::Client client;
    client.id = index + 1;
    client.key = "c" + std::to_string(index);
    client.user_id = index + 1;
    client.version = ++revision;
    client.status = said.active ? flags::Client::Status::active : flags::Client::Status::disabled;
    client.package_id = said.package < 0 ? 0 : id_of("p" + std::to_string(said.package));
    for (const auto& [flag, one] : said.overrides)
      client.overrides.push_back(
          {flag + 1, one.granted, "", one.until == 0 ? std::nullopt : std::optional<UnixMs>(one.until)});
    rig.put(std::move(client));
  }

  int any(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); }
  bool maybe(int in = 2) { return any(in) == 0; }

  void change() {
    const int flag = any(flag_count);
    SaidFlag& said = world.flags[flag];
    const int index = any(client_count);
    SaidClient& client = world.clients[index];
    switch (any(12)) {
      case 0:
        said.enabled = !said.enabled;
        return put_namespace();
      case 1:
        said.on = !said.on;
        return put_namespace();
      case 2:
        said.gated = !said.gated;
        return put_namespace();
      case 3:
        said.visible = !maybe(4);
        return put_namespace();
      case 4:
        said.parent = flag == 0 || maybe() ? -1 : any(flag);
        return put_namespace();
      case 5:
        said.has_off_variant = !said.has_off_variant;
        return put_namespace();
      case 6: {
        auto& features = world.packages[any(package_count)];
        if (features.erase(flag) == 0) features[flag] = any(3);
        return put_namespace();
      }
      case 7:
        client.package = any(package_count + 1) - 1;
        return put_client(index);
      case 8:
        client.active = !maybe(3);
        return put_client(index);
      case 9:
        if (client.overrides.erase(flag) == 0)
          client.overrides[flag] = {maybe(), maybe() ? 0 : rig.clock.unix_ms() + any(5) * 1000};
        return put_client(index);
      default:
        rig.clock.advance(std::chrono::milliseconds(any(2000)));
    }
  }

  OfrepRig rig{Settings{.requests = {1e9, 1s, 1e9}, .service_requests = {1e9, 1s, 1e9}}};
  World world;
  Seq revision = 0;
  std::mt19937 random{7};
};

TEST_F(OfrepModel, T51f_each_viewer_gets_what_the_rules_say_and_304_only_for_the_same) {
  put_namespace();
  for (int i = 0; i < client_count; ++i) put_client(i);
  const std::string service = rig.make_key({"flags:read"});
  struct Viewer {
    std::string what;
    int client;  // -1: none
    bool all;
    int refused;  // while its client is disabled; 0: it is answered as one who is no client
    std::vector<std::pair<std::string, std::string>> headers;
    std::string tag{};
    json::value answer{};
  };
  std::vector<Viewer> viewers{{"guest", -1, false, 0, {}},
                              {"nobody's user", -1, false, 0, {}},
                              {"service", -1, true, 0, {{"X-API-Key", service}}}};
  viewers[1].headers = {{"Authorization", "Bearer " + rig.token(*rig.add_account(77, Role::user))}};
  for (int i = 0; i < client_count; ++i) {
    const std::string name = std::to_string(i);
    viewers.push_back({"key " + name, i, false, 401, {{"X-API-Key", rig.make_client_key(i + 1)}}});
    viewers.push_back({"user " + name,
                       i,
                       false,
                       0,
                       {{"Authorization", "Bearer " + rig.token(*rig.add_account(i + 1, Role::user))}}});
    viewers.push_back(
        {"service for " + name, i, false, 404, {{"X-API-Key", service}, {"X-Corohub-Client", "c" + name}}});
  }
  std::size_t not_modified = 0;
  std::set<std::string> answers;
  for (int round = 0; round < 600; ++round) {
    change();
    for (Viewer& viewer : viewers) {
      Asked asked{.headers = viewer.headers, .exempt = true};
      const bool disabled = viewer.client >= 0 && !world.clients[viewer.client].active;
      if (!viewer.tag.empty()) asked.headers.emplace_back("If-None-Match", viewer.tag);
      const Reply reply = rig.ask(asked);
      const json::array expected = Oracle(world, rig.clock.unix_ms(), viewer.client, viewer.all).flags();
      if (disabled && viewer.refused != 0) {
        ASSERT_EQ(reply.status, viewer.refused) << viewer.what << " in round " << round;
        continue;
      }
      if (reply.status == 304) {
        ++not_modified;
      } else {
        ASSERT_EQ(reply.status, 200) << viewer.what << " in round " << round << reply.body;
        viewer.tag = reply.headers.at("ETag");
        viewer.answer = reply.json().at("flags");
        answers.insert(json::serialize(viewer.answer));
      }
      ASSERT_EQ(viewer.answer, json::value(expected)) << viewer.what << " in round " << round;
    }
  }
  EXPECT_GT(not_modified, 200U);
  EXPECT_GT(answers.size(), 100U);
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
