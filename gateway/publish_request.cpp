#include "gateway/publish_request.hpp"

#include "gateway/session/raw_json.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::gateway {
namespace {

constexpr UserId user_id_max = UserId{1} << 53;  // what every JSON reader can hold

Result<std::string> read_idempotency_key(const http::Request& request) {
  const std::string_view key = request.header("Idempotency-Key");
  if (!request.has("Idempotency-Key")) return std::string();
  if (request.count("Idempotency-Key") == 1 && is_idempotency_key(key)) return std::string(key);
  return Error(ErrorCode::invalid_request, "Idempotency-Key must be 1 to 128 printable characters of ASCII.");
}

void read_type(http::Fields& fields, Publication& publication) {
  std::optional<std::string> type = fields.text("type", {.min = 1, .max = 64});
  if (!type) return;
  if (!hub::is_event_type(*type))
    return fields.refuse("type", "invalid_format", "Must be letters, digits and ._:-");
  publication.type = std::move(*type);
}

void read_topic(http::Fields& to, Publication& publication) {
  std::optional<std::string> topic = to.text("topic", {.min = 1, .max = hub::topic_bytes_max});
  if (!topic) return;
  if (!hub::is_topic(*topic)) return to.refuse("topic", "invalid_topic", "Is no name of a topic.");
  publication.topic = std::move(*topic);
}

void read_target(http::Fields& fields, Publication& publication) {
  fields.require("to");
  const json::object* object = fields.object("to");
  if (object == nullptr) return;
  constexpr std::array targets = {"user_id", "role", "topic", "all"};
  if (std::ranges::count_if(targets, [object](const char* key) { return object->contains(key); }) != 1)
    return fields.refuse("to", "invalid_value", "Must have exactly one of user_id, role, topic and all.");
  http::Fields to(*object, "/to");
  read_topic(to, publication);
  if (const auto user = to.integer("user_id", 1, user_id_max))
    publication.audience = hub::Audience::user(*user);
  if (const auto word = to.one_of("role", {"user", "admin", "superadmin"}))
    publication.audience = hub::Audience::exactly(*parse_role(*word));
  if (to.has("all")) {
    publication.audience = hub::Audience::everyone();
    if (!to.boolean("all").value_or(true)) to.refuse("all", "invalid_value", "Must be true.");
  }
  fields.merge(std::move(to));
}

// `read_more`: what else stands in the body.
template <class ReadMore>
Result<Publication> read(const http::Request& request, ReadMore read_more) {
  Publication publication;
  Result<std::string> key = read_idempotency_key(request);
  if (!key) return key.error();
  publication.idempotency_key = std::move(*key);
  const Result<json::object> body = request.json_object();
  if (!body) return body.error();
  http::Fields fields(*body);
  read_type(fields, publication);
  read_more(fields, publication);
  fields.require("data");
  if (const Result<> checked = fields.result(); !checked) return checked.error();
  publication.data = raw_member(request.body, "data").value_or("null");
  return publication;
}

}  // namespace

Result<Publication> read_publication(const http::Request& request) {
  return read(request, [](http::Fields&, Publication&) {});
}

Result<Publication> read_addressed_publication(const http::Request& request) {
  return read(request, read_target);
}

}  // namespace corohub::gateway
