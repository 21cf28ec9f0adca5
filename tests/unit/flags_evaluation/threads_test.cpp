// One environment belongs to all threads: what each of them reads of it is never written.
#include "support.hpp"

#include <array>
#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::EnvironmentOf;

TEST(Threads, evaluate_the_same_environment_at_once) {
  const std::string head = R"({"state":"ENABLED","variants":{"on":{"a":1},"off":{}},"defaultVariant":"off")";
  std::vector<test::FlagParts> flags;
  for (
      const char* more :
      {R"(,"metadata":{"owner":"ann"})", R"(,"targeting":{"if":[{"$ref":"grown"},"on"]})",
       R"(,"targeting":{"fractional":[["on",50],["off",50]]})",
       R"(,"targeting":{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"email"}]},["on",50],["off",50]]})",
       R"(,"targeting":{"if":[{"sem_ver":[{"var":"version"},">=","1.2.0"]},"on"]})",
       R"(,"targeting":{"if":[{"in":["x",{"map":[[{"a":1,"b":"x"},{"b":"y","c":2}],{"var":"b"}]}]},"on"]})",
       R"(,"targeting":{"if":[{"missing":["gone",[1,2]]},"on"]})", R"(,"targeting":{"+":[null]})"}) {
    const std::string key = std::to_string(flags.size());
    flags.push_back({.key = key, .definition = head + more + "}"});
    flags.push_back({.key = "child-of-" + key, .definition = head + "}", .parent = key});
  }
  const auto environment =
      EnvironmentOf{.flags = std::move(flags),
                    .segments = {test::segment_of("grown", R"({">":[{"var":"age"},17]})")},
                    .metadata = R"({"team":"x"})"}
          .make();
  constexpr int rounds = 50;
  std::array<std::string, 2> answers;
  std::barrier start(2);
  const auto evaluate = [&](std::string& answer) {
    start.arrive_and_wait();
    for (int i = 0; i < rounds; ++i) {
      const Context context = test::context_of(R"({"targetingKey":"user-)" + std::to_string(i) +
                                               R"(","email":"ann@example.com","version":"1.3.0","age":)" +
                                               std::to_string(i) + "}");
      Evaluator evaluator(*environment, context, test::now_seconds);
      for (const Flag& flag : environment->flags())
        append_evaluation(answer, *environment, evaluator.evaluate(flag));
    }
  };
  {
    std::jthread other(evaluate, std::ref(answers[1]));
    evaluate(answers[0]);
  }
  EXPECT_EQ(answers[0], answers[1]);
  for (const char* reason : {"STATIC", "DEFAULT", "TARGETING_MATCH", "DISABLED", "PARSE_ERROR"})
    EXPECT_NE(answers[0].find(reason), std::string::npos) << reason;
}

}  // namespace
}  // namespace corohub::flags
