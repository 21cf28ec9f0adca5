// What a flag would be for somebody, and why: every step on the way to the answer, and every operator of the
// rule that was applied. Pure; as long as the rule takes, so it is for a reader's thread.
#pragma once

#include "flags/evaluation/evaluate.hpp"

#include <cstdint>
#include <string>

namespace corohub::flags {

struct DryRun {
  const Environment& environment;
  const Flag* flag;              // null: there is none
  std::string_view key;          // of the flag
  const Definition* definition;  // instead of the flag's own; null: its own
  const Standing& who;
  const Context& context;
  std::int64_t now_seconds;
};

// {"result":{...},"steps":[{"step","outcome"}],"rule":[{"path","op","args","result"}]}: `result` is as OFREP
// answers it. The steps are `visible state gates targeting default`, up to the one that decides.
std::string explain(const DryRun& run);

}  // namespace corohub::flags
