#include "gateway/socketio/packet.hpp"

#include "core/integer.hpp"
#include "gateway/session/raw_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace corohub::gateway::socketio {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Takes the digits off the front. Nothing: there are none, or they mean more than clients count to.
std::optional<std::uint64_t> take_number(std::string_view& text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > static_cast<std::uint64_t>(exact_integer_max)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take_attachments(std::string_view& text, Packet& packet) noexcept {
  const std::optional<std::uint64_t> count = take_number(text);
  if (!count || *count > attachments_max || !text.starts_with('-')) return false;
  text.remove_prefix(1);
  packet.attachments = static_cast<std::size_t>(*count);
  return true;
}

bool take_name_space(std::string_view& text, Packet& packet) noexcept {
  const std::size_t end = std::min(text.find(','), text.size());
  packet.name_space = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return packet.name_space.size() <= name_space_bytes_max &&
         std::ranges::none_of(packet.name_space, is_control);
}

bool is_binary(PacketType type) noexcept {
  return type == PacketType::binary_event || type == PacketType::binary_ack;
}

// Whether a packet of this type has what it must have, and nothing that it must not have.
bool is_complete(const Packet& packet) noexcept {
  switch (packet.type) {
    case PacketType::connect:
      return packet.payload.empty() || packet.payload.starts_with('{');
    case PacketType::disconnect:
      return packet.payload.empty();
    case PacketType::connect_error:
      return false;  // that is the server's to say
    case PacketType::event:
    case PacketType::ack:
    case PacketType::binary_event:
    case PacketType::binary_ack:
      break;
  }
  return packet.payload.starts_with('[');
}

// Whether each placeholder has its Buffer. As deep as JSON may be.
bool has_buffers(const json::value& value, std::size_t buffers) noexcept {
  const auto fits = [buffers](const json::value& one) { return has_buffers(one, buffers); };
  if (const json::array* array = value.if_array()) return std::ranges::all_of(*array, fits);
  const json::object* object = value.if_object();
  if (object == nullptr) return true;
  const json::value* mark = object->if_contains("_placeholder");
  if (mark != nullptr && mark->is_bool() && mark->get_bool()) {
    const std::optional<std::size_t> number = placeholder_of(value);
    return number && *number < buffers;
  }
  return std::ranges::all_of(*object, [&](const auto& member) { return fits(member.value()); });
}

}  // namespace

std::optional<Packet> read_packet(std::string_view text) noexcept {
  if (text.empty() || text[0] < '0' || text[0] > '6') return std::nullopt;
  Packet packet{.type = static_cast<PacketType>(text[0] - '0')};
  text.remove_prefix(1);
  if (is_binary(packet.type) && !take_attachments(text, packet)) return std::nullopt;
  if (text.starts_with('/') && !take_name_space(text, packet)) return std::nullopt;
  if (!text.empty() && is_digit(text[0])) {
    packet.id = take_number(text);
    if (!packet.id) return std::nullopt;
  }
  packet.payload = text;
  return is_complete(packet) ? std::optional(packet) : std::nullopt;
}

std::optional<json::object> read_auth(std::string_view payload) {
  if (payload.empty()) return json::object();
  Result<json::value> value = parse_json(payload);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

std::optional<Call> read_call(std::string_view payload, AckId ack, std::vector<std::string> attachments) {
  Result<json::value> value = parse_json(payload);
  if (!value || !value->is_array() || value->get_array().empty()) return std::nullopt;
  json::array& array = value->get_array();
  const std::vector<std::string_view> texts = element_texts(payload);
  Call call;
  if (array.front().is_string())
    call.name = std::string(array.front().get_string());
  else if (array.front().is_number())  // which clients may use for a name
    call.name = std::string(texts.front());
  else
    return std::nullopt;
  if (is_reserved(call.name) || !has_buffers(array, attachments.size())) return std::nullopt;
  array.erase(array.begin());
  call.arguments = std::move(array);
  if (texts.size() > 1) {
    call.first_text = texts[1];
    call.all_text = {texts[1].data(), texts.back().data() + texts.back().size()};
  }
  call.attachments = std::move(attachments);
  call.ack = ack;
  return call;
}

bool is_too_much(std::string_view payload) { return !parse_json(payload) && is_json(payload); }

bool is_array(std::string_view payload) {
  const Result<json::value> value = parse_json(payload);
  return value && value->is_array();
}

std::optional<std::size_t> placeholder_of(const json::value& value) noexcept {
  const json::object* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const json::value* mark = object->if_contains("_placeholder");
  const json::value* number = object->if_contains("num");
  if (mark == nullptr || !mark->is_bool() || !mark->get_bool() || number == nullptr) return std::nullopt;
  if (!number->is_int64() || number->get_int64() < 0) return std::nullopt;
  return static_cast<std::size_t>(number->get_int64());
}

bool is_reserved(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> reserved{"connect",       "connect_error", "disconnect",
                                                     "disconnecting", "newListener",   "removeListener"};
  return std::ranges::find(reserved, name) != reserved.end();
}

std::string packet_head(PacketType type, std::string_view name_space, std::size_t attachments) {
  std::string head(1, static_cast<char>('0' + static_cast<int>(type)));
  if (is_binary(type)) head.append(std::to_string(attachments)).append(1, '-');
  if (name_space != root) head.append(name_space).append(1, ',');
  return head;
}

}  // namespace corohub::gateway::socketio
