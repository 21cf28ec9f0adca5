// What evaluations allocate: nothing, but for the evaluator itself and the text of the answer.
#include "support.hpp"
#include "support/allocations.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using corohub::test::AllocationCount;
using test::EnvironmentOf;

TEST(EvaluationCost, is_no_memory_for_an_evaluation) {
  const std::string head = R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off")";
  std::vector<test::FlagParts> flags;
  for (
      const char* more :
      {"", R"(,"metadata":{"owner":"ann"})", R"(,"targeting":{"if":[{"==":[{"var":"plan"},"gold"]},"on"]})",
       R"(,"targeting":{"fractional":[["on",50],["off",50]]})",
       R"(,"targeting":{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"email"}]},["on",50],["off",50]]})",
       R"(,"targeting":{"if":[{"sem_ver":[{"var":"version"},">=","1.2.0"]},"on"]})",
       R"(,"targeting":{"if":[{"some":[{"var":"roles"},{"in":[{"var":""},["a","b"]]}]},"on"]})",
       R"(,"targeting":{"if":[{"in":["x",{"map":[{"var":"roles"},{"cat":[{"var":""},"!"]}]}]},"on"]})",
       R"(,"targeting":{"if":[{"$ref":"grown"},"on"]})"})
    flags.push_back({.key = "flag-" + std::to_string(flags.size()), .definition = head + more + "}"});
  const auto environment =
      EnvironmentOf{.flags = std::move(flags),
                    .segments = {test::segment_of("grown", R"({">":[{"var":"age"},17]})")}}
          .make();
  const Context context = test::context_of(
      R"({"targetingKey":"user-1","plan":"gold","email":"ann@example.com","version":"1.3.0","roles":["c","b"],"age":20})");
  std::string out;
  out.reserve(4096);
  Evaluator evaluator(*environment, context, test::now_seconds);
  const AllocationCount allocated;
  for (const Flag& flag : environment->flags())
    append_evaluation(out, *environment, evaluator.evaluate(flag));
  EXPECT_EQ(allocated.so_far(), 0u) << out;
}

TEST(EvaluationCost, of_one_flag_is_that_of_its_parents_alone) {
  const std::string on = R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})";
  const std::string off = R"({"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})";
  std::vector<test::FlagParts> flags;
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    flags.push_back({.key = "top-" + number, .definition = i % 3 == 0 ? off : on});
    flags.push_back({.key = "middle-" + number, .definition = on, .parent = "top-" + number});
    flags.push_back({.key = "leaf-" + number, .definition = on, .parent = "middle-" + number});
  }
  const auto environment = EnvironmentOf{.flags = std::move(flags)}.make();
  const Context context = test::context_of("{}");
  Evaluator bulk(*environment, context, test::now_seconds);
  for (const Flag& flag : environment->flags()) {
    Evaluator single(*environment, context, test::now_seconds);
    const AllocationCount allocated;
    const Evaluation evaluation = single.evaluate(flag);
    EXPECT_EQ(allocated.so_far(), 0u) << flag.key();
    const Evaluation again = bulk.evaluate(flag);
    EXPECT_TRUE(evaluation.flag == again.flag && evaluation.variant == again.variant &&
                evaluation.reason == again.reason && evaluation.gate == again.gate)
        << flag.key();
  }
}

}  // namespace
}  // namespace corohub::flags
