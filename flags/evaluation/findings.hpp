// What a document of a stranger has wrong, each with its place, while it is read from top to bottom. For this
// room only.
#pragma once

#include "flags/evaluation/definition.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// Of errors, and of warnings; a document with more has shown enough.
inline constexpr std::size_t findings_max = 100;
inline constexpr std::size_t finding_places_bytes_max = 64 << 10;  // but for the first
inline constexpr std::size_t shown_name_bytes_max = 128;  // of a member in a place; the rest is left out

// A member's name as one step of a JSON pointer (RFC 6901).
void append_pointer_step(std::string& pointer, std::string_view member);

class Findings {
 public:
  explicit Findings(Reading& reading) : reading_(reading), place_(reading.at) {}
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  // The place is one member deeper as long as this lives.
  class Inside {
   public:
    Inside(Findings& findings, std::string_view member);
    Inside(Findings& findings, std::size_t index) : Inside(findings, std::to_string(index)) {}
    ~Inside() { findings_.place_.resize(length_); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Findings& findings_;
    std::size_t length_;
  };

  void refuse(std::string_view code, std::string message);
  // For what flagd runs all the same: an error if the reading is strict, otherwise a warning.
  void doubt(std::string_view code, std::string message);

  bool ok() const noexcept { return errors_.empty(); }
  Error error() const;  // not ok()

 private:
  static bool has_room(const std::vector<FieldError>& findings, std::size_t bytes) noexcept;

  Reading& reading_;
  std::string place_;
  std::size_t error_bytes_ = 0;  // of their places
  std::size_t warning_bytes_ = 0;
  std::vector<FieldError> errors_;
};

}  // namespace corohub::flags
