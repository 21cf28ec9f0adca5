// Whatever a stranger sends as its context is within the limits afterwards, has one canonical form, and every
// operator bears it.
#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/evaluation/evaluate.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace corohub;
using namespace corohub::flags;

void require(bool condition) {
  if (!condition) std::abort();
}

// Flags that put the members "a" and "b" in all places where something else is wanted.
std::unique_ptr<const Environment> make_environment() {
  std::vector<Flag> flags;
  const auto add = [&](const std::string& rule) {
    Reading reading{.strict = false};
    const json::value document =
        parse_json(R"({"state":"ENABLED","variants":{"true":1,"false":2},"targeting":)" + rule + "}").value();
    Flag flag;
    flag.definition = parse_definition(document.get_object(), reading).value();
    auto identity = std::make_shared<FlagIdentity>();
    identity->key = "f" + std::to_string(flags.size());
    flag.identity = std::move(identity);
    flags.push_back(std::move(flag));
  };
  for (const char* op :
       {"==",   "===",  "<",      ">=",           "+",           "-",         "*",       "/",          "%",
        "min",  "max",  "merge",  "cat",          "substr",      "in",        "map",     "filter",     "all",
        "none", "some", "reduce", "missing_some", "starts_with", "ends_with", "sem_ver", "fractional", "and",
        "or",   "if",   "!",      "log"}) {
    add("{\"" + std::string(op) + R"(":[{"var":"a"},{"var":"b"},{"var":"a"}]})");
    add("{\"" + std::string(op) + R"(":{"var":"a"}})");
  }
  add(R"({"var":{"var":"a"}})");
  add(R"({"missing":{"var":"a"}})");
  add(R"({"map":[{"var":"a"},{"var":{"var":"b"}}]})");
  add(R"({"sem_ver":[{"var":"a"},">","1.2.3"]})");
  add(R"({"fractional":[["true",1],["false",{"var":"a"}]]})");
  return std::make_unique<Environment>(EnvironmentParts{}, std::move(flags), std::vector<PlatformRef>{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const auto environment = make_environment();
  const Result<json::value> text = parse_json({reinterpret_cast<const char*>(data), size}, {.depth = 40});
  if (!text || !text->is_object()) return 0;
  Result<Context> context = Context::read(text->get_object(), size);
  if (!context) {
    require(context.error().code == ErrorCode::invalid_request && !context.error().detail.empty());
    return 0;
  }
  require(depth(context->object()) <= context_levels_max + 1);  // it counts a level within what is empty
  const Viewer viewer{.kind = Viewer::Kind::user, .user_id = 7};
  const Namespace name_space;
  context->set_caller(Standing(viewer, name_space, nullptr, 0), "default");
  const std::string canonical = context->canonical();
  const Result<json::value> again = parse_json(canonical, {.depth = 40});
  require(again.has_value());
  std::string twice;
  append_canonical_json(twice, *again);
  require(twice == canonical);
  Evaluator evaluator(*environment, *context, 1'700'000'000);
  std::string item;
  for (const Flag& flag : environment->flags()) {
    item.clear();
    append_evaluation(item, *environment, evaluator.evaluate(flag));
    require(parse_json(item).has_value());
  }
  return 0;
}
