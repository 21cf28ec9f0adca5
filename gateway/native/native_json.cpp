#include "gateway/native/native_json.hpp"

#include "gateway/session/json_commands.hpp"
#include "gateway/session/raw_json.hpp"

#include <optional>
#include <string>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway::native_json {
namespace {

constexpr std::size_t id_bytes_max = 64;
const RequestId no_id = "null";

// `text` is the value's own.
bool is_good_id(const json::value& id, std::string_view text) noexcept {
  if (id.is_string()) return !id.get_string().empty() && id.get_string().size() <= id_bytes_max;
  return (id.is_int64() || id.is_uint64()) && text.size() <= id_bytes_max;
}

Refusal invalid(std::string message) { return {"invalid_message", std::move(message)}; }

Command parse_command(const json::object& message, std::string_view text) {
  const json::value* type = message.if_contains("type");
  if (type == nullptr || !type->is_string()) return invalid("A message needs a type.");
  const json::value* data = message.if_contains("data");
  std::optional<Command> command =
      read_command(type->get_string(),
                   {.object = data == nullptr ? nullptr : data->if_object(), .text = text, .member = "data"});
  if (!command) return Refusal{"unknown_type", "There is no such message type."};
  if (data != nullptr && !data->is_null() && !data->is_object()) return invalid("data is an object.");
  return std::move(*command);
}

}  // namespace

Message parse(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  const json::object* message = value ? value->if_object() : nullptr;
  if (message == nullptr) return {no_id, invalid("A message is a JSON object.")};
  const json::value* id = message->if_contains("id");
  if (id == nullptr) return {no_id, parse_command(*message, text)};
  const std::string_view given = member_text(text, "id").value_or("null");
  if (!is_good_id(*id, given)) return {no_id, invalid("An id is a string of 1 to 64 bytes or an integer.")};
  return {RequestId(given), parse_command(*message, text)};
}

std::string error_text(const RequestId& id, const Refusal& refusal) {
  const json::value data{{"code", refusal.code}, {"message", refusal.message}};
  std::string text = R"({"type":"error","id":)";
  text.append(id).append(R"(,"data":)").append(json::serialize(data)).append("}");
  return text;
}

std::string reply_text(const RequestId& id, std::string_view data) {
  std::string text = R"({"type":"reply","id":)";
  text.reserve(data.size() + 64);
  text.append(id).append(R"(,"ok":true,"data":)").append(data).append("}");
  return text;
}

}  // namespace corohub::gateway::native_json
