// The fields of a head, so that two readings of it can be compared.
#pragma once

#include "http/beast_head.hpp"

#include <map>
#include <string>
#include <utility>

namespace corohub::test {

// The fields by name, those of one name in their order.
inline std::multimap<std::string, std::pair<std::string, std::string>> by_name(
    const http::HeadFields& fields) {
  std::multimap<std::string, std::pair<std::string, std::string>> sorted;
  for (const auto& field : fields) {
    std::string key = field.first;
    for (char& c : key)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    sorted.emplace(std::move(key), field);
  }
  return sorted;
}

}  // namespace corohub::test
