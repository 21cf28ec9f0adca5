// Boost.Beast's reading of a request's head: a second opinion, asked where a request has a body, and wherever
// the tests and the fuzzer want one. Request smuggling needs two readers that disagree about where a request
// ends.
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
  HeadFields fields;  // fields of one name stand together
};

// Nothing: Beast refuses the head, or finds its end elsewhere.
std::optional<BeastHead> read_by_beast(std::string_view head);

}  // namespace corohub::http
