// One flag's value for one caller: OpenFeature's reasons, flagd's rules, our gates. Pure; an evaluator
// belongs to one thread and one request.
#pragma once

#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/viewer.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t context_bytes_max = 16 << 10;
inline constexpr std::size_t context_levels_max = 16;
inline constexpr std::size_t context_members_max = 500;  // at every depth

// What a rule reads of the caller and of the world. Made once per request.
class Context {
 public:
  // The context that a stranger sent, without its members `$flagd` and `corohub`, which are the server's. An
  // empty one: `{}`. invalid_request, with why: no text as targetingKey, more than a context may have.
  // `text_bytes`: of the text that the context was a part of, which was no longer as it was sent: a short
  // one is not measured again.
  static Result<Context> read(json::object sent,
                              std::size_t text_bytes = std::numeric_limits<std::size_t>::max());

  // Adds what the server knows: `corohub`, and targetingKey ("user:<id>", "client:<key>") if none was sent;
  // an empty one is none.
  void set_caller(const Standing& who, std::string_view environment);

  const json::object& object() const noexcept { return object_; }
  // RFC 8785, with `corohub`, without `$flagd`.
  std::string canonical() const;

 private:
  json::object object_;
};

enum class Reason : std::uint8_t { static_value, default_value, targeting_match, disabled, error };
inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::error) + 1;
std::string_view name(Reason reason) noexcept;  // "STATIC" "DEFAULT" "TARGETING_MATCH" "DISABLED" "ERROR"

// OpenFeature's words, as far as they occur.
enum class EvaluationError : std::uint8_t { none, flag_not_found, parse_error, general };
std::string_view name(EvaluationError error) noexcept;  // "FLAG_NOT_FOUND"

enum class Gate : std::uint8_t { open, parent, platform };
std::string_view name(Gate gate) noexcept;  // "parent" "platform"

// Its pointers hold as long as the environment.
struct Evaluation {
  const Flag* flag = nullptr;
  const Variant* variant = nullptr;  // null: no value
  Reason reason = Reason::static_value;
  EvaluationError error = EvaluationError::none;
  std::string_view details{};  // of an error: why, for people; a literal
  Gate gate = Gate::open;
};

// What a dry run shows: an applied operator, in the order of evaluation. If one fails, it is the last.
struct TracedStep {
  std::string path;  // JSON pointer into the rule; one that leads to a reference leads on in the segment's
  std::string op;
  std::string args;    // JSON text, evaluated
  std::string result;  // JSON text; null of the operator that fails
};

inline constexpr std::size_t steps_per_flag_max = 10'000;
inline constexpr std::size_t steps_per_bulk_max = 1'000'000;
inline constexpr std::size_t built_text_per_flag_max = 64 << 10;

class Evaluator {
 public:
  // All of it outlives the evaluator. `now_seconds`: $flagd.timestamp.
  Evaluator(const Environment& environment, const Context& context, std::int64_t now_seconds);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  // The flag as it stands, gates and all, whoever asks. `definition`: instead of its own (a dry run).
  Evaluation evaluate(const Flag& flag, const Definition* definition = nullptr);
  // The applied operators of every evaluation from here on are added to the list.
  void trace(std::vector<TracedStep>* steps) noexcept;
  std::size_t steps_left() const noexcept;  // of the bulk

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One item as OFREP answers it: {"key","value","reason","variant","metadata"}, or with errorCode and
// errorDetails. The metadata: the environment's, over it the flag's, `limits.<name>`, `gate`. `definition`:
// the one that was evaluated instead of the flag's own.
void append_evaluation(std::string& out, const Environment& environment, const Evaluation& evaluation,
                       const Definition* definition = nullptr, const json::object* limits = nullptr);
// The same for a flag that is not there, or not for this viewer.
void append_flag_not_found(std::string& out, std::string_view key);
// The metadata of all flags of an environment together: its own, `flagSetId`, and as `version` its revision.
void append_set_metadata(std::string& out, std::string_view name_space, const Environment& environment);

}  // namespace corohub::flags
