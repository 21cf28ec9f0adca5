// Boost.Beast's reading of a request's head: the second opinion, where a request has a body, and wherever the
// tests and the fuzzer ask. Two readers that disagree about where a request ends are what smuggling lives on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::http {

using HeadFields = std::vector<std::pair<std::string, std::string>>;

struct BeastHead {
  std::string method;
  std::string target;
  HeadFields fields;  // those of one name together
};

// Nothing: Beast refuses it, or finds its end elsewhere.
std::optional<BeastHead> read_by_beast(std::string_view head);

}  // namespace corohub::http
