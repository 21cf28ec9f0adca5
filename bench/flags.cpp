// What an evaluation of a flag costs on one thread, with its item appended, in answers of 50 flags:
// nanoseconds, of the flags that bench/flagd_core.mjs has, too. Then what is allocated for an evaluation, and
// what definitions keep in memory. Prints one line of JSON.
#include "core/json.hpp"
#include "flags/evaluation/definition.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/evaluate.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

namespace {

std::size_t allocations = 0;
std::size_t bytes_in_use = 0;

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  ++allocations;
  bytes_in_use += ::malloc_usable_size(memory);
  return memory;
}
void operator delete(void* memory) noexcept {
  bytes_in_use -= ::malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

using namespace corohub;
using namespace corohub::flags;
using Clock = std::chrono::steady_clock;

constexpr std::size_t flags_of_an_answer = 50;
constexpr std::size_t answers_of_a_batch = 200;
constexpr std::size_t batches = 201;  // the one in the middle counts

constexpr std::string_view variants =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off")";

std::unique_ptr<const Environment> environment_of(std::string_view targeting, std::size_t count) {
  const std::string text = std::string(variants) + std::string(targeting) + "}";
  std::vector<Flag> flags;
  for (std::size_t i = 0; i < count; ++i) {
    Reading reading;
    Flag flag;
    flag.definition = parse_definition(parse_json(text)->as_object(), reading).value();
    auto identity = std::make_shared<FlagIdentity>();
    identity->key = identity->name = "feature-" + std::to_string(i);
    flag.identity = std::move(identity);
    flags.push_back(std::move(flag));
  }
  return std::make_unique<Environment>(EnvironmentParts{}, std::move(flags), std::vector<PlatformRef>{});
}

std::string_view targeting_of(std::string_view name) {
  if (name == "equal") return R"(,"targeting":{"if":[{"==":[{"var":"tier"},"gold"]},"on","off"]})";
  if (name == "fractional") return R"(,"targeting":{"fractional":[["on",50],["off",50]]})";
  return {};
}

// Evaluates all of an environment's flags for one context, as one request does.
class Answer {
 public:
  explicit Answer(std::string_view name)
      : environment_(environment_of(targeting_of(name), flags_of_an_answer)) {
    const Viewer viewer{.kind = Viewer::Kind::user, .user_id = 4711};
    const Namespace name_space;
    context_.set_caller(Standing(viewer, name_space, nullptr, 0), "default");
  }

  void make() {
    text_.clear();
    Evaluator evaluator(*environment_, context_, 1'700'000'000);
    for (const Flag& flag : environment_->flags())
      append_evaluation(text_, *environment_, evaluator.evaluate(flag));
  }

  double nanoseconds() {
    std::vector<double> times;
    for (std::size_t i = 0; i < batches; ++i) {
      const Clock::time_point begin = Clock::now();
      for (std::size_t j = 0; j < answers_of_a_batch; ++j) make();
      const std::chrono::duration<double, std::nano> taken = Clock::now() - begin;
      times.push_back(taken.count() / (answers_of_a_batch * flags_of_an_answer));
    }
    std::ranges::sort(times);
    return times[batches / 2];
  }

  double allocations_of_one() {
    make();
    const std::size_t before = allocations;
    make();
    return static_cast<double>(allocations - before) / flags_of_an_answer;
  }

 private:
  std::unique_ptr<const Environment> environment_;
  Context context_ =
      Context::read(
          parse_json(R"({"targetingKey":"user-7","tier":"gold","email":"ann@example.com"})")->as_object())
          .value();
  std::string text_;
};

}  // namespace

int main() {
  std::printf("{");
  for (const char* name : {"static", "equal", "fractional"})
    std::printf("\"%s\":%.1f,", name, Answer(name).nanoseconds());
  std::printf("\"allocations\":%.2f,", Answer("fractional").allocations_of_one());
  const std::size_t before = bytes_in_use;
  const auto thousand = environment_of(targeting_of("fractional"), 1'000);
  std::printf("\"bytes_per_1000_flags\":%zu}\n", bytes_in_use - before);
}
