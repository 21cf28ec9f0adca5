#include "flags/evaluation/findings.hpp"

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
  append_pointer_step(findings.place_, member);
}

void Findings::refuse(std::string_view code, std::string message) {
  if (errors_.size() < findings_max) errors_.push_back({place_, std::string(code), std::move(message)});
}

void Findings::doubt(std::string_view code, std::string message) {
  if (reading_.strict) return refuse(code, std::move(message));
  if (reading_.warnings.size() < findings_max)
    reading_.warnings.push_back({place_, std::string(code), std::move(message)});
}

Error Findings::error() const {
  Error error(ErrorCode::validation_failed, "The body has invalid members.");
  error.fields = errors_;
  return error;
}

}  // namespace corohub::flags
