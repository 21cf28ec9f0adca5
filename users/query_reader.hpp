// Reads the query of a request and collects what is wrong with it. A reader belongs to one request.
#pragma once

#include "core/error.hpp"
#include "http/request.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::users {

class QueryReader {
 public:
  explicit QueryReader(const http::Request& request) : request_(request) {}

  // Decimal digits only; a missing key reads as nothing.
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  // An empty text reads as a missing one.
  std::optional<std::string> text(std::string_view key, std::size_t bytes_max);
  // The index of the value in the list.
  std::optional<std::size_t> one_of(std::string_view key, std::initializer_list<std::string_view> words);

  // `?key`, `?key=true` and `?key=1`, or `?key=false` and `?key=0`.
  bool toggle(std::string_view key, bool otherwise);

  // For a value that only the caller can judge.
  void refuse(std::string_view key, std::string_view code, std::string message);

  // validation_failed with all complaints.
  Result<> result() const;

 private:
  const http::Request& request_;
  std::vector<FieldError> complaints_;
};

}  // namespace corohub::users
