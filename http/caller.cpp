#include "http/caller.hpp"

#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace corohub::http {
namespace {

using boost::asio::ip::address;

constexpr std::string_view list_header = "X-Forwarded-For";
constexpr std::string_view standard_header = "Forwarded";
constexpr std::size_t address_chars_max = 45;

// Cuts off the part behind the last separator outside of quotes; `rest` keeps the part before it. The list is
// read from the right, because what a stranger wrote stands at the left, and a stranger's quote that is never
// closed must not swallow what follows it.
std::string_view cut_last(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t begin = rest.size();
  for (; begin > 0; --begin) {
    const char c = rest[begin - 1];
    if (c == '"') quoted = !quoted;
    if (c == separator && !quoted) break;
  }
  const std::string_view piece = rest.substr(begin);
  rest = rest.substr(0, begin == 0 ? 0 : begin - 1);
  return piece;
}

// The elements of a header, all its lines as one list, from the last to the first. Empty elements are
// skipped.
class ElementsFromTheRight {
 public:
  ElementsFromTheRight(const HeaderList& headers, std::string_view name) noexcept
      : headers_(headers), name_(name), line_(headers.size()) {}

  // The next element; empty: there are no more.
  std::string_view next() noexcept {
    for (;;) {
      while (!rest_.empty()) {
        const std::string_view element = trim_blanks(cut_last(rest_, ','));
        if (!element.empty()) return element;
      }
      if (line_ == 0) return {};
      const Header header = headers_[--line_];
      if (same_word(header.name, name_)) rest_ = header.value;
    }
  }

 private:
  const HeaderList& headers_;
  const std::string_view name_;
  std::size_t line_;
  std::string_view rest_;
};

bool is_port(std::string_view text) noexcept {
  return text.size() > 1 && text.front() == ':' && is_token(text.substr(1));
}

std::optional<address> read_address(std::string_view text) {
  std::array<char, address_chars_max + 1> terminated{};
  if (text.size() > address_chars_max || text.find('%') != std::string_view::npos) return std::nullopt;
  std::ranges::copy(text, terminated.begin());
  boost::system::error_code failure;
  const address found = boost::asio::ip::make_address(terminated.data(), failure);
  if (failure) return std::nullopt;
  return unmapped(found);
}

// Reads an address with or without a port: 192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1],
// [2001:db8::1]:4711.
std::optional<address> read_node(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || colon > end) return std::nullopt;
    const std::string_view port = text.substr(end + 1);
    return port.empty() || is_port(port) ? read_address(text.substr(1, end - 1)) : std::nullopt;
  }
  if (colon == std::string_view::npos || colon != text.rfind(':')) return read_address(text);
  return is_port(text.substr(colon)) ? read_address(text.substr(0, colon)) : std::nullopt;
}

// Nothing: quotes or blanks where none belong. An address or a host needs no escape, so escapes are refused.
std::optional<std::string_view> unquoted(std::string_view value) noexcept {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return value.find_first_of("\"\\ \t") == std::string_view::npos ? std::optional(value) : std::nullopt;
}

// The value of one pair of an element of Forwarded. Empty if the pair is missing, stands there twice, or
// cannot be read.
std::string_view pair_of(std::string_view element, std::string_view name) noexcept {
  std::optional<std::string_view> found;
  while (!element.empty()) {
    std::string_view value = trim_blanks(cut_last(element, ';'));
    if (!same_word(trim_blanks(cut(value, '=')), name)) continue;
    if (found) return {};
    found = unquoted(trim_blanks(value));
    if (!found) return {};
  }
  return found.value_or(std::string_view());
}

std::optional<address> read_element(std::string_view header, std::string_view element) {
  return read_node(header == standard_header ? pair_of(element, "for") : element);
}

struct Found {
  bool any = false;                 // the header has elements
  std::optional<address> caller{};  // nothing: the walk met an element that names nobody
};

Found walk(const HeaderList& headers, std::string_view header, const auth::CidrList& trusted) {
  Found found;
  ElementsFromTheRight elements(headers, header);
  for (std::string_view element = elements.next(); !element.empty(); element = elements.next()) {
    found.any = true;
    found.caller = read_element(header, element);
    if (!found.caller || !trusted.contains(*found.caller)) break;
  }
  return found;
}

// Whether no element of the header names anybody but this machine.
bool names_only_loopback(const HeaderList& headers, std::string_view header) {
  ElementsFromTheRight elements(headers, header);
  for (std::string_view element = elements.next(); !element.empty(); element = elements.next()) {
    const std::optional<address> node = read_element(header, element);
    if (!node || !node->is_loopback()) return false;
  }
  return true;
}

}  // namespace

address unmapped(const address& any) {
  if (!any.is_v6() || !any.to_v6().is_v4_mapped()) return any;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, any.to_v6());
}

std::optional<address> find_caller(const HeaderList& headers, const address& peer,
                                   const auth::CidrList& trusted) {
  const Found by_list = walk(headers, list_header, trusted);
  const Found by_standard = walk(headers, standard_header, trusted);
  if (by_list.any && by_standard.any && by_list.caller != by_standard.caller) return std::nullopt;
  if (by_list.any) return by_list.caller;
  return by_standard.any ? by_standard.caller : peer;
}

std::string_view forwarded_host(const Request& request) noexcept {
  if (!request.by_proxy) return {};
  const std::string_view host = ElementsFromTheRight(request.headers, "X-Forwarded-Host").next();
  if (!host.empty()) return host;
  return pair_of(ElementsFromTheRight(request.headers, standard_header).next(), "host");
}

bool is_local(const Request& request) {
  return request.over_loopback && names_only_loopback(request.headers, list_header) &&
         names_only_loopback(request.headers, standard_header) &&
         names_only_loopback(request.headers, "X-Real-IP");
}

}  // namespace corohub::http
