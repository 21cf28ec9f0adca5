#include "ingest/message.hpp"

#include "core/integer.hpp"
#include "core/key_name.hpp"
#include "core/rfc3339.hpp"
#include "flags/bodies.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace corohub::ingest {
namespace {

constexpr std::array<std::string_view, 5> actions = {"created", "updated", "deleted", "enabled", "disabled"};
constexpr UnixMs occurred_at_max = 253'402'300'799'999;  // the end of the year 9999

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// A member that is there, and where.
struct Member {
  const json::value* value = nullptr;  // null: it is absent
  std::string pointer;
};

class Reader {
 public:
  Reader(const json::object& top, const std::string& at) : top_(top), at_(at) {
    const json::value* data = top.if_contains("data");
    data_ = data != nullptr ? data->if_object() : nullptr;
  }

  Result<Message> read() {
    Message message;
    read_namespace(message);
    read_flag_key(message);
    read_action(message);
    read_enabled(message);
    read_timestamp(message);
    if (complaints_.empty()) return message;
    Error refusal(ErrorCode::validation_failed);
    refusal.fields = std::move(complaints_);
    return refusal;
  }

 private:
  // "key" or "flag.key".
  static const json::value* find_in(const json::object& object, std::string_view path) {
    const std::size_t dot = path.find('.');
    const json::value* found = object.if_contains(path.substr(0, dot));
    if (found == nullptr || found->is_null()) return nullptr;
    if (dot == std::string_view::npos) return found;
    const json::object* inner = found->if_object();
    return inner != nullptr ? find_in(*inner, path.substr(dot + 1)) : nullptr;
  }

  Member find(std::initializer_list<std::string_view> paths) const {
    for (const json::object* where : {data_, &top_}) {
      if (where == nullptr) continue;
      for (const std::string_view path : paths) {
        const json::value* found = find_in(*where, path);
        if (found == nullptr) continue;
        std::string pointer = at_ + (where == data_ ? "/data/" : "/") + std::string(path);
        std::ranges::replace(pointer, '.', '/');
        return {found, std::move(pointer)};
      }
    }
    return {nullptr, at_ + (data_ != nullptr ? "/data/" : "/") + std::string(*paths.begin())};
  }

  void complain(const Member& member, std::string_view code, std::string message) {
    complaints_.push_back({member.pointer, std::string(code), std::move(message)});
  }

  // The text of a member; nothing if it is absent, or complained about.
  std::optional<std::string_view> text(const Member& member) {
    if (member.value == nullptr) return std::nullopt;
    if (member.value->is_string()) return std::string_view(member.value->get_string());
    complain(member, "invalid_type", "Must be a text.");
    return std::nullopt;
  }

  void read_namespace(Message& message) {
    const Member member = find({"namespace"});
    const std::optional<std::string_view> key = text(member);
    if (!key) return;
    if (!is_key_name(*key)) complain(member, "invalid_format", "Is no key of a namespace.");
    message.name_space = *key;
  }

  void read_flag_key(Message& message) {
    const Member member = find({"flagKey", "flag_key", "flag.key"});
    if (member.value == nullptr) complain(member, "required", "Is missing.");
    const std::optional<std::string_view> key = text(member);
    if (!key) return;
    if (!is_key_name(*key, flags::flag_key_bytes_max, flags::flag_key_characters))
      complain(member, "invalid_format", "Is no key of a flag.");
    message.flag_key = *key;
  }

  void read_action(Message& message) {
    const Member member = find({"action"});
    if (member.value == nullptr) complain(member, "required", "Is missing.");
    const std::optional<std::string_view> word = text(member);
    if (!word) return;
    const auto* const found = std::ranges::find(actions, lower(*word));
    if (found == actions.end())
      return complain(member, "unknown_value", "Must be created, updated, deleted, enabled or disabled.");
    message.action = static_cast<Action>(found - actions.begin());
  }

  void read_enabled(Message& message) {
    const Member member = find({"enabled", "flag.enabled"});
    if (member.value == nullptr) return;
    if (!member.value->is_bool()) return complain(member, "invalid_type", "Must be true or false.");
    message.enabled = member.value->get_bool();
  }

  void read_timestamp(Message& message) {
    const Member member = find({"timestamp"});
    if (member.value == nullptr) return;
    const json::value& value = *member.value;
    if (!value.is_string() && !value.is_number())
      return complain(member, "invalid_type", "Must be milliseconds, or a time of RFC 3339.");
    std::optional<UnixMs> time;
    if (value.is_string())
      time = parse_rfc3339(std::string_view(value.get_string()));
    else if (const double number = value.to_number<double>(); number >= 0 && number <= occurred_at_max)
      time = static_cast<UnixMs>(number);
    if (!time || *time < 0 || *time > occurred_at_max)
      return complain(member, "invalid_format", "Must be milliseconds since 1970, or a time of RFC 3339.");
    message.occurred_at = time;
  }

  const json::object& top_;
  const json::object* data_;  // null: there is none
  const std::string& at_;
  std::vector<FieldError> complaints_;
};

// What the text of a field means as the member of a message: the others are texts.
json::value member_of(const std::string& field, const std::string& text) {
  if (field == "data" || field == "flag") {
    if (Result<json::value> value = parse_json(text); value && value->is_object()) return std::move(*value);
  } else if (field == "enabled") {
    const std::string word = lower(text);
    if (word == "true" || word == "false") return word == "true";
  } else if (field == "timestamp") {
    if (const std::optional<std::int64_t> number = parse_integer(text)) return *number;
  }
  return json::string(text);
}

}  // namespace

std::string_view name(Action action) noexcept { return actions.at(static_cast<std::size_t>(action)); }

Result<Message> read_message(const json::value& document, const std::string& at) {
  if (const json::object* object = document.if_object()) return Reader(*object, at).read();
  return Error(ErrorCode::validation_failed).at(at, "invalid_type", "A message must be a JSON object.");
}

Result<Message> parse_message(std::string_view text) {
  if (text.size() > message_bytes_max)
    return Error(ErrorCode::payload_too_large, "A message has 64 KiB at most.");
  const Result<json::value> document = parse_json(text);
  if (!document) return document.error();
  return read_message(*document);
}

Result<Message> read_entry(const EntryFields& fields) {
  if (fields.size() == 1) return parse_message(fields.front().second);
  std::size_t bytes = 0;
  json::object document;
  for (const auto& [field, text] : fields) {
    if (field == "message" || field == "payload") return parse_message(text);
    bytes += field.size() + text.size();
    if (bytes > message_bytes_max)
      return Error(ErrorCode::payload_too_large, "A message has 64 KiB at most.");
    document.emplace(field, member_of(field, text));  // the first of a name counts
  }
  return read_message(document);
}

}  // namespace corohub::ingest
