// The routes of OFREP on one shard, without sockets, and namespaces of flags made by hand.
#pragma once

#include "flags/directory.hpp"
#include "gateway/ofrep/ofrep.hpp"
#include "http/router.hpp"
#include "http/target.hpp"
#include "session_rig.hpp"
#include "support/allocations.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {

// What a test says of a flag.
struct MadeFlag {
  std::string key;
  std::string definition = R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})";
  bool client_visible = true;
  std::string parent{};
  bool package_gated = false;
  std::int64_t id = 0;  // 0: by its place
  std::string off_variant{};
};

// The same for the same key.
inline std::int64_t id_of(std::string_view key) {
  return 1 + static_cast<std::int64_t>(std::hash<std::string_view>()(key) % 1'000'000);
}

inline flags::DefinitionRef definition(std::string_view text) {
  flags::Reading reading;
  const json::value value = json::parse(text);
  return flags::parse_definition(value.as_object(), reading).value();
}

inline flags::EnvironmentRef environment(const std::string& key, Seq revision,
                                         const std::vector<MadeFlag>& made,
                                         flags::EnvironmentParts parts = {}) {
  parts.id = id_of(key);
  parts.key = key;
  parts.revision = revision;
  std::vector<flags::Flag> flags;
  for (const MadeFlag& one : made) {
    auto identity = std::make_shared<flags::FlagIdentity>();
    identity->key = one.key;
    identity->id = one.id != 0 ? one.id : static_cast<std::int64_t>(flags.size()) + 1;
    if (!one.off_variant.empty()) identity->off_variant = one.off_variant;
    identity->client_visible = one.client_visible;
    identity->package_gated = one.package_gated;
    if (!one.parent.empty()) identity->parent = one.parent;
    flags::Flag flag;
    flag.identity = std::move(identity);
    flag.definition = definition(one.definition);
    flags.push_back(std::move(flag));
  }
  return std::make_shared<const flags::Environment>(std::move(parts), std::move(flags),
                                                    std::vector<flags::PlatformRef>());
}

// With these environments, of which the first is the default one.
inline flags::NamespaceRef name_space(const std::string& key, flags::NamespaceAccess access,
                                      std::vector<flags::EnvironmentRef> environments,
                                      std::vector<flags::PackageRef> packages = {}) {
  auto made = std::make_shared<flags::Namespace>();
  made->id = id_of(key);
  made->packages = std::move(packages);
  made->key = key;
  made->access = access;
  std::ranges::sort(environments, {}, [](const flags::EnvironmentRef& one) { return one->key; });
  made->environments = std::move(environments);
  return made;
}

inline flags::PackageRef package(std::string key, std::vector<flags::Feature> features,
                                 std::int64_t version = 1) {
  auto made = std::make_shared<flags::Package>();
  made->id = id_of(key);
  made->key = std::move(key);
  made->features = std::move(features);
  made->version = version;
  return made;
}

inline flags::EnvironmentParts default_parts() {
  flags::EnvironmentParts parts;
  parts.is_default = true;
  return parts;
}

struct Asked {
  std::string target = "/ofrep/v1/evaluate/flags";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  http::Method method = http::Method::post;
  std::string peer = "192.0.2.1";
  bool exempt = false;
};

struct Reply {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;
  bool prompt = false;  // answered without a coroutine
  bool streamed = false;

  json::object json() const { return json::parse(body).as_object(); }
};

class OfrepRig : public gateway::test::SessionRig {
 public:
  explicit OfrepRig(Settings settings_of_ofrep = {})
      : ofrep({keys, clock, streams, draining, "epoch-1"}, settings_of_ofrep) {
    ofrep.add_shard(desk);
    ofrep.add_routes(router);
  }

  // As a unit of the writer does it.
  void put(const flags::NamespaceRef& now) {
    const flags::NamespaceRef* known = flags.find(now->key);
    flags.apply({known == nullptr ? nullptr : *known, now});
  }
  void remove(const std::string& key) {
    const flags::NamespaceRef before = *flags.find(key);
    flags.apply({before, nullptr});
  }

  // A client of the namespace `default`, unless it says otherwise.
  void put(flags::Client client) {
    if (client.namespace_id == 0) client.namespace_id = id_of("default");
    const flags::ClientRef* known = flags.clients().find(client.id);
    flags.apply(
        {known == nullptr ? nullptr : *known, std::make_shared<const flags::Client>(std::move(client))});
  }
  void remove_client(std::int64_t id) {
    const flags::ClientRef before = *flags.clients().find(id);
    flags.apply({before, nullptr});
  }
  std::string make_client_key(std::int64_t client_id) {
    const std::string secret = flags::make_client_key();
    auto unit = [&](storage::UnitOfWork& work) {
      work.query(
              "INSERT OR IGNORE INTO clients (id, namespace_id, key, name, version, created_at, updated_at) "
              "VALUES (?1, 1, 'c' || ?1, '', 1, 0, 0)")
          .bind(client_id)
          .run();
      return flags::add_client_key(work, secret, {.client_id = client_id, .name = "Shop"});
    };
    client_key = database.commit(unit).value().value;
    return secret;
  }
  void revoke_client_key() {
    auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      flags::remove_client_key(work, client_key.client_id, client_key.id);
      return storage::Nothing{};
    };
    database.commit(unit).value();
    flags.apply(flags::ClientKeyRevoked{client_key.id});
  }

  Reply ask(const Asked& asked) {
    http::Request request;
    http::Response response = answer(asked, request);
    Reply reply{.status = response.status, .body = std::move(response.body), .headers = {}};
    for (http::ResponseHeader& header : response.headers)
      reply.headers[std::string(header.name)] = std::move(header.value);
    reply.prompt = prompt;
    reply.streamed = response.streamed;
    return reply;
  }
  // Of a request that memory can answer, without those of its arrival.
  std::size_t allocations_of(const Asked& asked) {
    http::Request request;
    read(asked, request);
    http::Router::Match match = router.match(asked.method, request.raw_path());
    http::Context at{request, 0, authenticator, std::nullopt, std::move(match.params), asked.exempt};
    const corohub::test::AllocationCount count;
    const std::optional<http::Response> response = match.route->prompt(at);
    EXPECT_TRUE(response);
    return count.so_far();
  }
  http::Response answer(const Asked& asked, http::Request& request) {
    read(asked, request);
    http::Router::Match match = router.match(asked.method, request.raw_path());
    EXPECT_NE(match.route, nullptr) << asked.target;
    http::Context at{request, 0, authenticator, std::nullopt, std::move(match.params), asked.exempt};
    prompt = false;
    if (match.route->prompt) {
      std::optional<http::Response> at_once = match.route->prompt(at);
      prompt = at_once.has_value();
      if (prompt) return std::move(*at_once);
    }
    return wait_for(match.route->handler(at));
  }
  static void read(const Asked& asked, http::Request& request) {
    request.method = asked.method;
    EXPECT_TRUE(http::read_target(asked.target, "localhost", request).has_value());
    request.body = asked.body;
    for (const auto& [name, value] : asked.headers) request.headers.push_back({name, value});
    request.peer = asio::ip::make_address(asked.peer);
    request.id = "request-1";
  }
  // Streams that are open keep the context busy.
  http::Response wait_for(Task<http::Response> task) {
    std::optional<http::Response> response;
    asio::co_spawn(context, std::move(task), [&](const std::exception_ptr& failure, http::Response answer) {
      if (failure) std::rethrow_exception(failure);
      response.emplace(std::move(answer));
    });
    while (!response) {
      context.restart();
      context.run_one_for(std::chrono::milliseconds(100));
    }
    return std::move(*response);
  }

  std::string make_key(std::vector<std::string> scopes, std::optional<UnixMs> expires_at = {}) {
    const std::string secret = users::make_service_key();
    users::ServiceKey key;
    key.name = "Shop";
    key.scopes = std::move(scopes);
    key.expires_at = expires_at;
    auto unit = [&](storage::UnitOfWork& work) { return users::add_service_key(work, secret, key); };
    key_id = database.commit(unit).value().value.id;
    return secret;
  }

  EventStreamSettings streams;
  std::atomic<bool> draining{false};
  http::Router router;
  bool prompt = false;
  users::ServiceKeyId key_id = 0;  // of the last one
  flags::ClientKey client_key;     // of the last one
  Ofrep ofrep;
};

}  // namespace corohub::gateway::ofrep::test
