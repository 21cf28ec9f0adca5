// Reads the members of a JSON object one by one and collects what is wrong with them, so that a 422 names
// every rejected field at once. Lengths count Unicode code points. A reader belongs to one request and one
// thread.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::http {

struct TextRule {
  std::size_t min = 0;  // code points, after trimming
  std::size_t max = 0;
  bool trim = false;      // white space at both ends is cut before the text is judged
  bool controls = false;  // control and invisible characters are allowed (passwords, prose)
};

class Fields {
 public:
  // The object must outlive the reader. `at` is the JSON pointer of the object itself: "/to" for a nested
  // one.
  explicit Fields(const json::object& object, std::string at = {}) : object_(object), at_(std::move(at)) {}

  bool has(std::string_view key) const noexcept { return object_.contains(key); }
  bool is_null(std::string_view key) const noexcept;

  // Each of these reads one member; a missing or wrong member leaves a complaint and reads as empty. The
  // optional ones accept a missing member silently; null is a wrong type for all of them (ask is_null() first
  // where null means something).
  std::string required_text(std::string_view key, TextRule rule);
  std::optional<std::string> text(std::string_view key, TextRule rule);
  // Only JSON integers: 30, not 30.0 and not "30".
  std::int64_t required_integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<bool> boolean(std::string_view key);
  // One word of a closed list (unknown_value otherwise); the answer is the list's own text.
  std::optional<std::string_view> one_of(std::string_view key, std::initializer_list<std::string_view> words);
  const json::object* object(std::string_view key);  // null: missing, or complained about

  // Adds a complaint of the caller's own: an e-mail's format, a required member.
  void refuse(std::string_view key, std::string_view code, std::string message);
  void require(std::string_view key);
  // Members that only the server may set: any of them present makes the whole answer field_not_allowed.
  void forbid(std::initializer_list<std::string_view> keys);
  // Takes over the complaints of a nested reader.
  void merge(Fields&& nested);

  bool ok() const noexcept { return complaints_.empty(); }
  // validation_failed or field_not_allowed with all complaints.
  Result<> result() const;

 private:
  const json::value* find(std::string_view key) const noexcept { return object_.if_contains(key); }

  const json::object& object_;
  std::string at_;
  std::vector<FieldError> complaints_;
  bool forbidden_ = false;
};

}  // namespace corohub::http
