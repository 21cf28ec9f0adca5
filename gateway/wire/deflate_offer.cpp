#include "gateway/wire/deflate_offer.hpp"

#include "core/deflate.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace corohub::gateway {
namespace {

constexpr int smallest_window_bits = 8;
constexpr int largest_window_bits = 15;

// One header's value, piece by piece. What is empty or false was not there.
class Cursor {
 public:
  explicit Cursor(std::string_view text) noexcept : rest_(text) {}

  bool at_end() noexcept {
    skip_blanks();
    return rest_.empty();
  }
  bool take(char c) noexcept {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() noexcept {
    skip_blanks();
    const auto end = std::ranges::find_if_not(rest_, http::is_token_char);
    const std::string_view found(rest_.begin(), end);
    rest_.remove_prefix(found.size());
    return found;
  }
  // A token, or a quoted string whose content is one. Empty: neither.
  std::string value() {
    if (!take('"')) return std::string(token());
    std::string content;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || !http::is_token_char(rest_.front())) return {};
      content += rest_.front();
      rest_.remove_prefix(1);
    }
    return take('"') ? content : std::string();
  }

 private:
  void skip_blanks() noexcept {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

// 8 to 15, without leading zeros.
std::optional<int> window_bits(std::string_view value) noexcept {
  int bits = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bits);
  if (error != std::errc() || end != value.data() + value.size() || value.starts_with('0'))
    return std::nullopt;
  if (bits < smallest_window_bits || bits > largest_window_bits) return std::nullopt;
  return bits;
}

// One offer of permessage-deflate, parameter by parameter.
class Offer {
 public:
  void add(std::string_view name, const std::optional<std::string>& value) noexcept {
    if (name == "server_no_context_takeover") {
      flag(server_no_context_, value);
    } else if (name == "client_no_context_takeover") {
      flag(client_no_context_, value);
    } else if (name == "server_max_window_bits") {
      if (!value) acceptable_ = false;
      window(server_window_, value);
    } else if (name == "client_max_window_bits") {
      window(client_window_, value);
    } else {
      acceptable_ = false;
    }
  }

  // zlib's smallest raw window is 2^9, and a second window would be a second compression of every event.
  bool acceptable() const noexcept {
    return acceptable_ && server_window_.value_or(largest_window_bits) >= deflate_window_bits;
  }

  std::string answer() const {
    std::string text = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    text += "; server_max_window_bits=" + std::to_string(deflate_window_bits);
    if (client_window_)
      text += "; client_max_window_bits=" + std::to_string(std::min(*client_window_, deflate_window_bits));
    return text;
  }

 private:
  void flag(bool& known, const std::optional<std::string>& value) noexcept {
    if (known || value) acceptable_ = false;
    known = true;
  }

  void window(std::optional<int>& known, const std::optional<std::string>& value) noexcept {
    const std::optional<int> bits = value ? window_bits(*value) : largest_window_bits;
    if (known || !bits) acceptable_ = false;
    known = bits.value_or(largest_window_bits);
  }

  bool acceptable_ = true;
  bool server_no_context_ = false;
  bool client_no_context_ = false;
  std::optional<int> server_window_;
  std::optional<int> client_window_;  // may be offered without a number: any will do
};

class Negotiation {
 public:
  // False: not the grammar of RFC 6455 section 9.1. Empty elements of a list are allowed (RFC 9110 section
  // 5.6.1).
  bool read(std::string_view header) {
    Cursor cursor(header);
    while (!cursor.at_end()) {
      if (cursor.take(',')) continue;
      if (!read_offer(cursor)) return false;
      if (!cursor.at_end() && !cursor.take(',')) return false;
    }
    return true;
  }

  bool any() const noexcept { return any_; }
  const std::optional<Offer>& accepted() const noexcept { return accepted_; }

 private:
  bool read_offer(Cursor& cursor) {
    const std::string_view extension = cursor.token();
    if (extension.empty()) return false;
    any_ = true;
    Offer offer;
    while (cursor.take(';')) {
      const std::string_view name = cursor.token();
      if (name.empty()) return false;
      std::optional<std::string> value;
      if (cursor.take('=')) {
        value = cursor.value();
        if (value->empty()) return false;
      }
      offer.add(name, value);
    }
    if (!accepted_ && extension == "permessage-deflate" && offer.acceptable()) accepted_ = offer;
    return true;
  }

  bool any_ = false;
  std::optional<Offer> accepted_;
};

}  // namespace

Result<std::string> answer_extensions(const http::Request& request, bool compression) {
  Negotiation negotiation;
  bool well_formed = true;
  bool given = false;
  for (const http::Header header : request.headers) {
    if (!http::same_word(header.name, "Sec-WebSocket-Extensions")) continue;
    given = true;
    well_formed = well_formed && negotiation.read(header.value);
  }
  if (!well_formed || (given && !negotiation.any()))
    return Error(ErrorCode::invalid_request, "Sec-WebSocket-Extensions is not a list of extensions.");
  if (!compression || !negotiation.accepted()) return std::string();
  return negotiation.accepted()->answer();
}

}  // namespace corohub::gateway
