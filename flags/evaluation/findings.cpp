#include "flags/evaluation/findings.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {

void append_pointer_step(std::string& pointer, std::string_view member) {
  pointer += '/';
  for (const char c : member) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

Findings::Inside::Inside(Findings& findings, std::string_view member)
    : findings_(findings), length_(findings.place_.size()) {
  std::size_t shown = std::min(member.size(), shown_name_bytes_max);
  if (shown < member.size())  // cut between characters
    while (shown > 0 && (static_cast<unsigned char>(member[shown]) & 0xc0) == 0x80) --shown;
  append_pointer_step(findings.place_, member.substr(0, shown));
  if (shown < member.size()) findings.place_ += "...";
}

// At most so many in so many bytes of places, yet at least one.
bool Findings::has_room(const std::vector<FieldError>& findings, std::size_t bytes) noexcept {
  return findings.empty() || (findings.size() < findings_max && bytes <= finding_places_bytes_max);
}

void Findings::refuse(std::string_view code, std::string message) {
  if (!has_room(errors_, error_bytes_ + place_.size())) return;
  error_bytes_ += place_.size();
  errors_.push_back({place_, std::string(code), std::move(message)});
}

void Findings::doubt(std::string_view code, std::string message) {
  if (reading_.strict) return refuse(code, std::move(message));
  if (!has_room(reading_.warnings, warning_bytes_ + place_.size())) return;
  warning_bytes_ += place_.size();
  reading_.warnings.push_back({place_, std::string(code), std::move(message)});
}

Error Findings::error() const {
  Error error(ErrorCode::validation_failed, "The body has invalid members.");
  error.fields = errors_;
  return error;
}

}  // namespace corohub::flags
