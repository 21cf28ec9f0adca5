#include "http/request.hpp"

#include "http/text.hpp"

#include <algorithm>

namespace corohub::http {
namespace {

// A connection keeps so much memory from one request to the next: little, because thousands of connections
// wait.
constexpr std::size_t kept_text_max = 256;
constexpr std::size_t kept_head_max = 1024;
constexpr std::size_t kept_headers_max = 32;

void empty(std::string& text) noexcept {
  text.clear();
  if (text.capacity() > kept_text_max) text = std::string();
}

}  // namespace

std::string_view name(Method method) noexcept {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      return "other";
  }
  return "other";
}

void HeaderList::push_back(Header header) {
  const auto place = [](std::size_t number) { return static_cast<std::uint32_t>(number); };
  places_.push_back({place(text_.size()), place(header.name.size()), place(text_.size() + header.name.size()),
                     place(header.value.size())});
  text_.append(header.name).append(header.value);
}

std::string_view HeaderList::keep(std::string_view head) {
  places_.clear();
  text_.assign(head);
  return text_;
}

void HeaderList::add(std::string_view name, std::string_view value) {
  const auto place = [](std::ptrdiff_t number) { return static_cast<std::uint32_t>(number); };
  const char* begin = text_.data();
  places_.push_back({place(name.data() - begin), static_cast<std::uint32_t>(name.size()),
                     place(value.data() - begin), static_cast<std::uint32_t>(value.size())});
}

void HeaderList::clear() noexcept {
  text_.clear();
  places_.clear();
  if (text_.capacity() > kept_head_max) text_ = std::string();
  if (places_.capacity() > kept_headers_max) places_ = std::vector<Place>();
}

Header HeaderList::operator[](std::size_t index) const noexcept {
  const Place& place = places_[index];
  const std::string_view text = text_;
  return {text.substr(place.name, place.name_size), text.substr(place.value, place.value_size)};
}

std::string_view Request::header(std::string_view field) const noexcept {
  for (const Header header : headers)
    if (same_word(header.name, field)) return header.value;
  return {};
}

std::size_t Request::count(std::string_view field) const noexcept {
  std::size_t count = 0;
  for (const Header header : headers)
    if (same_word(header.name, field)) ++count;
  return count;
}

bool Request::has_token(std::string_view field, std::string_view token) const noexcept {
  for (const Header header : headers) {
    if (!same_word(header.name, field)) continue;
    for (std::string_view rest = header.value; !rest.empty();)
      if (same_word(trim_blanks(cut(rest, ',')), token)) return true;
  }
  return false;
}

std::optional<std::string_view> Request::query_value(std::string_view key) const noexcept {
  for (const auto& [name, value] : query)
    if (name == key) return value;
  return std::nullopt;
}

std::size_t Request::query_count(std::string_view key) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(query, [&](const auto& pair) { return pair.first == key; }));
}

std::string_view Request::raw_path() const noexcept {
  return std::string_view(target).substr(0, target.find('?'));
}

std::optional<std::string_view> Request::bearer() const noexcept {
  if (!has("authorization")) return std::nullopt;
  std::string_view value = header("authorization");
  if (!same_word(cut(value, ' '), "bearer")) return std::string_view();
  return trim_blanks(value);
}

Result<> Request::check_json() const {
  if (count("content-type") > 1) return Error(ErrorCode::invalid_request, "Content-Type stands there twice.");
  if (has("content-type")) {
    std::string_view rest = header("content-type");
    const std::string_view type = trim_blanks(cut(rest, ';'));
    // What a PATCH carries is a merge patch (RFC 7396), under either name.
    bool json = same_word(type, "application/json") ||
                (method == Method::patch && same_word(type, "application/merge-patch+json"));
    while (json && !rest.empty()) {
      std::string_view value = cut(rest, ';');
      const std::string_view parameter = trim_blanks(cut(value, '='));
      if (!same_word(parameter, "charset")) continue;
      value = trim_blanks(value);
      json = same_word(value, "utf-8") || same_word(value, "\"utf-8\"");
    }
    if (!json) return Error(ErrorCode::unsupported_media_type, "The body must be application/json in UTF-8.");
  }
  if (has("content-encoding") && !same_word(header("content-encoding"), "identity"))
    return Error(ErrorCode::unsupported_media_type, "The body must come without Content-Encoding.");
  if (body.empty()) return Error(ErrorCode::invalid_json, "The body is empty; a JSON object is expected.");
  return {};
}

Result<json::object> Request::json_object() const {
  if (const Result<> checked = check_json(); !checked) return checked.error();
  Result<json::value> value = parse_json(body);
  if (!value) return value.error();
  if (!value->is_object()) return Error(ErrorCode::invalid_json, "The body must be a JSON object.");
  return std::move(value->get_object());
}

void Request::clear() noexcept {
  method = Method::get;
  for (std::string* text : {&target, &path, &body, &id}) empty(*text);
  query = {};
  headers.clear();
  http11 = keep_alive = true;
  peer = boost::asio::ip::address();
  by_proxy = over_loopback = false;
}

}  // namespace corohub::http
