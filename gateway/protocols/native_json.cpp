#include "gateway/protocols/native_json.hpp"

#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::native_json {
namespace {

constexpr std::size_t id_bytes_max = 64;

bool is_good_id(const json::value& id) noexcept {
  if (id.is_string()) return !id.get_string().empty() && id.get_string().size() <= id_bytes_max;
  return id.is_int64() || id.is_uint64();
}

Refusal invalid(std::string message) { return {"invalid_message", std::move(message)}; }

std::variant<Refusal, Ping, AuthRefresh> parse_refresh(const json::object* data) {
  const json::value* token = data == nullptr ? nullptr : data->if_contains("token");
  if (token == nullptr || !token->is_string()) return invalid("auth.refresh needs data with a token.");
  return AuthRefresh{std::string(token->get_string())};
}

std::variant<Refusal, Ping, AuthRefresh> parse_command(const json::object& message) {
  const json::value* type = message.if_contains("type");
  if (type == nullptr || !type->is_string()) return invalid("A message needs a type.");
  const json::value* data = message.if_contains("data");
  const json::object* members = data == nullptr ? nullptr : data->if_object();
  const std::string_view word = type->get_string();
  if (word == "ping") return Ping{};
  if (word == "auth.refresh") return parse_refresh(members);
  return Refusal{"unknown_type", "There is no such message type."};
}

}  // namespace

Command parse(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  const json::object* message = value ? value->if_object() : nullptr;
  if (message == nullptr) return {nullptr, invalid("A message is a JSON object.")};
  const json::value* id = message->if_contains("id");
  if (id != nullptr && !is_good_id(*id))
    return {nullptr, invalid("An id is a string of 1 to 64 bytes or an integer.")};
  return {id == nullptr ? RequestId() : *id, parse_command(*message)};
}

std::string error_text(const RequestId& id, const Refusal& refusal) {
  const json::value message{
      {"type", "error"}, {"id", id}, {"data", {{"code", refusal.code}, {"message", refusal.message}}}};
  return json::serialize(message);
}

std::string reply_text(const RequestId& id, const json::value& data) {
  const json::value message{{"type", "reply"}, {"id", id}, {"ok", true}, {"data", data}};
  return json::serialize(message);
}

}  // namespace corohub::gateway::native_json
