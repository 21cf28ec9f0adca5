#include "gateway/stomp/body.hpp"

#include "core/clock.hpp"
#include "core/encoding.hpp"
#include "core/json.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/stomp/destinations.hpp"
#include "gateway/stomp/flags.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway::stomp {
namespace {

constexpr std::size_t attributes_bytes_max = 16'384;

constexpr std::string_view encoding_header = "corohub-encoding";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return lower(c); });
  return out;
}

// "text/plain" of "Text/Plain; charset=utf-8".
std::string media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!type.empty() && is_blank(type.back())) type.remove_suffix(1);
  while (!type.empty() && is_blank(type.front())) type.remove_prefix(1);
  return lower(type);
}

bool is_json_type(std::string_view media_type) noexcept {
  return media_type == "application/json" || media_type.ends_with("+json");
}

bool begins_like_json(std::string_view body) noexcept {
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

// The headers of the protocol, ours, and those that must not be told to others: a publisher that could set
// `subscription` or `ack` would confuse every subscriber.
bool stays_here(std::string_view header) {
  constexpr std::array names = {
      "destination",
      "receipt",
      "transaction",
      "content-length",
      "content-type",
      "type",
      "idempotency-key",
      "ack",
      "message-id",
      "subscription",
      "receipt-id",
      "authorization",
      "login",
      "passcode",
      "token",
      "cookie",
      "proxy-authorization",
      "ticket",
      "access_token",
      "refresh_token",
      "password",
      "secret",
  };
  const std::string name = lower(header);
  return name.starts_with("corohub-") || std::ranges::find(names, name) != names.end();
}

// ---- attributes: {"kind":"text","content_type":"text/plain","headers":{…}}, of which each may be missing
// ----

std::string attributes_of(const Headers& headers, std::string_view kind) {
  json::object own;
  for (const auto& [header, value] : headers.all())
    if (!stays_here(header)) own.emplace(header, value);  // the first of a name counts
  json::object attributes;
  if (!kind.empty()) attributes["kind"] = kind;
  if (const auto type = headers.find("content-type")) attributes["content_type"] = *type;
  if (!own.empty()) attributes["headers"] = std::move(own);
  return attributes.empty() ? std::string() : json::serialize(attributes);
}

std::string_view text_member(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// Empty for what is no object: other front ends have attributes of their own.
json::object parse_attributes(std::string_view text) {
  if (text.empty()) return {};
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  return !error && value.is_object() ? std::move(value.get_object()) : json::object();
}

std::string decode_string(std::string_view json_text) {
  boost::system::error_code error;
  const json::value value = json::parse({json_text.data(), json_text.size()}, error);
  return !error && value.is_string() ? std::string(value.get_string()) : std::string(json_text);
}

// ---- the data of a SEND ----

struct Data {
  std::string json;
  std::string_view kind{};  // empty: JSON
};

Data text_data(std::string_view body) {
  Data data{{}, "text"};
  append_json(data.json, body);
  return data;
}

Data binary_data(std::string_view base64_text) {
  return {std::string("\"").append(base64_text).append("\""), "binary"};
}

Understood<Data> data_of(const ClientFrame& send) {
  const std::string_view body = send.body;
  if (send.headers.value(encoding_header) == "base64") {
    if (!from_base64(body)) return Refusal{"invalid_message", "The body is not base64."};
    return binary_data(body);
  }
  const std::optional<std::string_view> content_type = send.headers.find("content-type");
  const std::string type = media_type(content_type.value_or(""));
  if (is_json_type(type) || (!content_type && begins_like_json(body))) {
    const Result<json::value> value = parse_json(body);
    if (value) return Data{compact_json(body)};
    if (content_type) return Refusal{name(value.error().code), value.error().detail};
  }
  const bool may_be_text = !content_type || type.starts_with("text/");
  if (may_be_text && is_utf8(body)) return text_data(body);
  return binary_data(base64(body));
}

// ---- an event's id, and its body ----

std::string message_id(const hub::Event& event, std::string_view epoch) {
  if (event.durable()) return Position{std::string(epoch), event.seq()}.text();
  return passing_message_id();
}

std::string system_body(const hub::Event& event) {
  const std::optional<std::string_view> message = member_text(event.data(), "message");
  return status_text("connection_status", message ? decode_string(*message) : std::string(event.data()),
                     event.time());
}

}  // namespace

Understood<Publication> read_publication(const ClientFrame& send, std::string_view topic) {
  const Headers& headers = send.headers;
  Publication publication{.topic = std::string(topic)};
  if (const auto type = headers.find("type")) {
    if (!hub::is_event_type(*type))
      return Refusal{"invalid_message", "type is 1 to 64 of letters, digits and ._:-"};
    publication.type = *type;
  }
  if (const auto key = headers.find("idempotency-key")) {
    if (!is_idempotency_key(*key))
      return Refusal{"invalid_message", "idempotency-key is 1 to 128 printable characters of ASCII."};
    publication.idempotency_key = *key;
  }
  Understood<Data> data = data_of(send);
  if (!data) return data.error();
  publication.data = std::move(data->json);
  publication.attributes = attributes_of(headers, data->kind);
  if (publication.attributes.size() > attributes_bytes_max)
    return Refusal{"payload_too_large", "The headers of a message are too long to be kept with it."};
  return publication;
}

MessageRest::MessageRest(const hub::Event& event, std::string_view epoch)
    : event_(event), id_(message_id(event, epoch)), body_(event.data()) {
  if (std::optional<std::string> of_flag = flag_update_text(event)) {
    decoded_ = std::move(*of_flag);
    body_ = decoded_;
    return;
  }
  if (is_for_all(event) || event.topic() == hub::server_status_topic) {
    decoded_ = system_body(event);
    body_ = decoded_;
    return;
  }
  const json::object attributes = parse_attributes(event.attributes());
  content_type_ = text_member(attributes, "content_type");
  // A client of Spring that takes bodies for texts throws on any other type, and connects again and again.
  if (event.topic() == plain_text_topic && media_type(content_type_) != "text/plain") content_type_.clear();
  if (const json::value* own = attributes.if_contains("headers"); own != nullptr && own->is_object())
    for (const auto& [header, value] : own->get_object())
      if (value.is_string()) own_headers_.emplace_back(header, std::string(value.get_string()));
  const std::string_view kind = text_member(attributes, "kind");
  is_binary_ = kind == "binary";
  if (kind != "text" && !is_binary_) return;
  decoded_ = decode_string(body_);
  body_ = decoded_;
}

std::string MessageRest::append_to(FrameWriter text, BinaryBodies how) const {
  std::string bytes;
  std::string_view body = body_;
  if (is_binary_ && how == BinaryBodies::as_they_are) {
    bytes = from_base64(body_).value_or(std::string(body_));
    body = bytes;
  }
  text.header("message-id", id_);
  if (!content_type_.empty()) text.header("content-type", content_type_);
  text.header("content-length", std::to_string(body.size()));
  if (is_binary_ && how == BinaryBodies::as_base64) text.header(encoding_header, "base64");
  text.header("corohub-type", event_.type());
  if (event_.durable()) {
    text.header("corohub-seq", std::to_string(event_.seq()));
    text.header("corohub-epoch", std::string_view(id_).substr(0, id_.rfind(':')));
  }
  text.header("corohub-time", rfc3339(event_.time()));
  if (!event_.topic().empty()) text.header("corohub-topic", event_.topic());
  // Behind ours: the first of a name counts.
  for (const auto& [header, value] : own_headers_) text.header(header, value);
  return text.frame(body);
}

std::string passing_message_id() {
  static std::atomic<std::uint64_t> last{0};
  return "-:" + std::to_string(last.fetch_add(1, std::memory_order_relaxed) + 1);
}

bool is_for_all(const hub::Event& event) noexcept {
  return event.topic().empty() && event.type().starts_with("system.") &&
         event.audience() == hub::Audience::everyone();
}

std::string status_text(std::string_view type, std::string_view message, UnixMs time) {
  std::string text = R"({"type":")";
  text.append(type).append(R"(","message":)");
  append_json(text, message);
  text.append(R"(,"timestamp":)").append(std::to_string(time)).append("}");
  return text;
}

}  // namespace corohub::gateway::stomp
