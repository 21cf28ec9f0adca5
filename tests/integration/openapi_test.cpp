// /openapi.json and the router say the same: no route without a description, no description without a route.
#include "support/test_server.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

using Operations = std::map<std::string, std::string>;  // "GET /api/v1/users/me" -> who may call it

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return out;
}

std::string_view name(http::Access access) {
  switch (access) {
    case http::Access::probe:  // who may, not how often
    case http::Access::guest:
      return "guest";
    case http::Access::holder:
    case http::Access::user:
      return "user";
    case http::Access::admin:
      return "admin";
  }
  return "";
}

Operations described(const json::value& document) {
  Operations operations;
  for (const auto& [path, methods] : document.at("paths").as_object())
    for (const auto& [method, operation] : methods.as_object())
      operations[upper(method) + ' ' + std::string(path)] = operation.at("x-access").as_string();
  return operations;
}

// OpenAPI has no word for a parameter of many segments: {topic...} is {topic} there.
std::string described_path(std::string pattern) {
  const std::size_t dots = pattern.find("...}");
  return dots == std::string::npos ? pattern : pattern.erase(dots, 3);
}

// Protocols of others are described elsewhere: those whose errors are plain, and Socket.IO.
bool is_of_others(const http::Route& route) {
  return route.options.plain_errors || route.pattern == "/socket.io/";
}

Operations served(const http::Router& router) {
  Operations operations;
  for (const http::Route& route : router.routes())
    if (!is_of_others(route))
      operations[std::string(http::name(route.method)) + ' ' + described_path(route.pattern)] =
          name(route.access);
  return operations;
}

template <class Map>
std::vector<std::string> keys(const Map& map) {
  std::vector<std::string> out;
  for (const auto& [key, value] : map) out.push_back(key);
  return out;
}

// Every {"$ref":"#/a/b"} below `value`. A rule of a flag has references of its own, which are other texts.
void collect_references(const json::value& value, std::set<std::string>& references) {
  if (const json::array* array = value.if_array())
    for (const json::value& each : *array) collect_references(each, references);
  if (const json::object* object = value.if_object())
    for (const auto& [key, each] : *object) {
      if (key == "$ref" && each.is_string() && each.get_string().starts_with("#/"))
        references.insert(std::string(each.get_string()));
      collect_references(each, references);
    }
}

class OpenApi : public testing::Test {
 protected:
  TestServer server_;
  json::value document_ = server_.client().get("/openapi.json").json();
};

TEST_F(OpenApi, describes_what_is_served) {
  Operations said = described(document_);
  const Operations true_ones = served(server_.application().router());
  EXPECT_EQ(keys(said), keys(true_ones));
  // What the router leaves to the handler (the keys of services), the description may state.
  for (const auto& [operation, access] : true_ones)
    if (access != "guest") EXPECT_EQ(said[operation], access) << operation;
}

TEST_F(OpenApi, names_each_operation_once) {
  std::set<std::string> ids;
  for (const auto& path : document_.at("paths").as_object())
    for (const auto& method : path.value().as_object())
      EXPECT_TRUE(ids.insert(std::string(method.value().at("operationId").as_string())).second)
          << method.value().at("operationId");
}

TEST_F(OpenApi, refers_to_nothing_that_is_not_there) {
  std::set<std::string> references;
  collect_references(document_, references);
  EXPECT_FALSE(references.empty());
  for (const std::string& reference : references) {
    boost::system::error_code failure;
    document_.find_pointer(reference.substr(1), failure);
    EXPECT_FALSE(failure) << reference;
  }
}

TEST_F(OpenApi, a_path_answers_the_methods_it_is_described_with) {
  HttpClient client = server_.client();
  for (const auto& [path, methods] : document_.at("paths").as_object()) {
    const HttpAnswer answer = client.call({.method = "OPTIONS", .target = std::string(path)});
    for (const auto& [method, operation] : methods.as_object())
      EXPECT_THAT(answer.header("Allow"), testing::HasSubstr(upper(method))) << path;
  }
}

}  // namespace
}  // namespace corohub::test
