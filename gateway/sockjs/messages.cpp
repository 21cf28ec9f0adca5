#include "gateway/sockjs/messages.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace corohub::gateway::sockjs {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::uint32_t replacement = 0xFFFD;

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_high_surrogate(std::uint32_t unit) noexcept { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(std::uint32_t unit) noexcept { return unit >= 0xDC00 && unit < 0xE000; }

// Reads from the front of a text that is valid UTF-8.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  void skip_blanks() noexcept {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool take(char c) noexcept {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() noexcept {
    skip_blanks();
    return rest_.empty();
  }

  // A JSON string with its quotes; nothing if there is none.
  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string out;
    for (;;) {
      std::size_t plain = 0;
      while (plain < rest_.size() && rest_[plain] != '"' && rest_[plain] != '\\' &&
             static_cast<unsigned char>(rest_[plain]) >= 0x20)
        ++plain;
      out.append(rest_.substr(0, plain));
      rest_.remove_prefix(plain);
      if (rest_.starts_with('"')) {
        rest_.remove_prefix(1);
        return out;
      }
      if (!rest_.starts_with('\\') || !escape(out)) return std::nullopt;
    }
  }

 private:
  bool escape(std::string& out) {
    if (rest_.size() < 2) return false;
    const char kind = rest_[1];
    if (kind == 'u') return unicode_escape(out);
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    const std::size_t known = names.find(kind);
    if (known == std::string_view::npos) return false;
    out += values[known];
    rest_.remove_prefix(2);
    return true;
  }

  // The number of "\uXXXX" at the front, which stays.
  std::optional<std::uint32_t> code_unit() const noexcept {
    if (rest_.size() < 6 || !rest_.starts_with("\\u")) return std::nullopt;
    std::uint32_t unit = 0;
    const char* const end = rest_.data() + 6;
    const auto [stop, failure] = std::from_chars(rest_.data() + 2, end, unit, 16);
    return failure == std::errc() && stop == end ? std::optional(unit) : std::nullopt;
  }

  bool unicode_escape(std::string& out) {
    const std::optional<std::uint32_t> unit = code_unit();
    if (!unit) return false;
    rest_.remove_prefix(6);
    std::uint32_t code = *unit;
    if (is_low_surrogate(code)) code = replacement;
    if (is_high_surrogate(code)) {
      const std::optional<std::uint32_t> low = code_unit();
      if (low && is_low_surrogate(*low)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
        rest_.remove_prefix(6);
      } else {
        code = replacement;
      }
    }
    append_utf8(out, code);
    return true;
  }

  std::string_view rest_;
};

void append_unicode_escape(std::string& out, std::uint32_t code) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex_digits[code >> shift & 0xF];
}

void append_control(std::string& out, unsigned char c) {
  constexpr std::string_view values = "\b\f\n\r\t";
  constexpr std::string_view names = "bfnrt";
  const std::size_t known = values.find(static_cast<char>(c));
  if (known == std::string_view::npos) return append_unicode_escape(out, c);
  out += '\\';
  out += names[known];
}

bool is_changed_by_browsers(std::uint32_t code) noexcept {
  return (code >= 0x200C && code <= 0x200F) || (code >= 0x2028 && code <= 0x202F) ||
         (code >= 0x2060 && code <= 0x206F) || (code >= 0xFFF0 && code <= 0xFFFF);
}

// Bytes that stand for themselves wherever they are: all but controls, quote, backslash, and the beginnings
// of U+2000 to U+2FFF and U+F000 to U+FFFF.
constexpr std::array<bool, 256> plain_bytes = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 256; ++byte)
    plain[byte] = byte != '"' && byte != '\\' && byte != 0xE2 && byte != 0xEF;
  return plain;
}();

}  // namespace

Reading read_messages(std::string_view text, std::size_t messages_max, std::vector<std::string>& messages) {
  if (!is_utf8(text)) return Reading::broken;
  Scanner scanner(text);
  if (!scanner.take('[')) return parse_json(text) ? Reading::no_array : Reading::broken;
  if (!scanner.take(']')) {
    do {
      std::optional<std::string> message = scanner.string();
      if (!message || messages.size() == messages_max) return Reading::broken;
      messages.push_back(std::move(*message));
    } while (scanner.take(','));
    if (!scanner.take(']')) return Reading::broken;
  }
  return scanner.at_end() ? Reading::good : Reading::broken;
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && plain_bytes[static_cast<unsigned char>(text[plain])]) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    std::size_t used = 1;
    if (byte(0) < 0x20) {
      append_control(out, byte(0));
    } else if (byte(0) < 0x80) {
      out += '\\';
      out += text.front();
    } else {
      used = std::min<std::size_t>(3, text.size());
      const std::uint32_t code =
          used < 3 ? 0 : (byte(0) & 0xFU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
      if (is_changed_by_browsers(code))
        append_unicode_escape(out, code);
      else
        out.append(text.substr(0, used));
    }
    text.remove_prefix(used);
  }
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8 + 2);
  out += '"';
  append_escaped(out, text);
  return out += '"';
}

std::string message_frame_text(std::string_view text) { return "a[" + json_string(text) + "]"; }

std::string close_frame_text(std::uint16_t code, std::string_view reason) {
  return "c[" + std::to_string(code) + "," + json_string(reason) + "]";
}

std::string close_frame_text(CloseReason reason) {
  return close_frame_text(close_code(reason), name(reason));
}

}  // namespace corohub::gateway::sockjs
