#include "core/json.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parser.hpp>

namespace corohub {
namespace {

// Looks at the text once without building anything: duplicate keys, member count, numbers out of range.
class Inspector {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit Inspector(std::size_t members_max) : members_max_(members_max) {}

  std::string_view complaint() const noexcept { return complaint_; }

  using error_code = boost::system::error_code;
  using view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code& ec) {
    std::vector<std::string>& keys = keys_.back();
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end()) return refuse(ec, "an object has the same key twice");
    keys_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(view part, std::size_t, error_code& ec) {
    key_.append(part.data(), part.size());
    if (++members_ > members_max_) return refuse(ec, "too many members");
    keys_.back().push_back(std::exchange(key_, {}));
    return true;
  }
  bool on_string_part(view, std::size_t, error_code&) { return true; }
  bool on_string(view, std::size_t, error_code&) { return true; }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(std::int64_t, view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, view, error_code&) { return true; }
  bool on_double(double value, view, error_code& ec) {
    return std::isfinite(value) || refuse(ec, "a number is out of range");
  }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }

 private:
  bool refuse(error_code& ec, std::string_view why) {
    complaint_ = why;
    ec = boost::json::error::syntax;
    return false;
  }

  std::size_t members_max_;
  std::size_t members_ = 0;
  std::string_view complaint_;
  std::string key_;
  std::vector<std::vector<std::string>> keys_;
};

}  // namespace

Result<json::value> parse_json(std::string_view text, JsonLimits limits) {
  json::parse_options options;
  options.max_depth = limits.depth;
  boost::system::error_code ec;

  json::basic_parser<Inspector> inspector(options, limits.members);
  const std::size_t read = inspector.write_some(false, text.data(), text.size(), ec);
  if (!ec && read < text.size()) ec = json::error::extra_data;
  if (ec) {
    const std::string_view complaint = inspector.handler().complaint();
    return Error(ErrorCode::invalid_json, "The body is not valid JSON: " +
                                              (complaint.empty() ? ec.message() : std::string(complaint)) +
                                              " (at byte " + std::to_string(read) + ").");
  }

  json::parser parser({}, options);
  parser.write(text.data(), text.size(), ec);
  if (ec) return Error(ErrorCode::invalid_json, "The body is not valid JSON: " + ec.message() + ".");
  return parser.release();
}

std::size_t depth(const json::value& value) noexcept {
  std::size_t deepest = 0;
  if (value.is_object())
    for (const auto& member : value.get_object()) deepest = std::max(deepest, depth(member.value()));
  if (value.is_array())
    for (const auto& element : value.get_array()) deepest = std::max(deepest, depth(element));
  return deepest + 1;
}

}  // namespace corohub
