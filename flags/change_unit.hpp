// One change by a request: its body is read away from the shard, then a unit asks for the right again, edits
// the namespace and answers with what became of it.
#pragma once

#include "core/json.hpp"
#include "flags/change.hpp"
#include "flags/preconditions.hpp"
#include "flags/services.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace corohub::flags {

// What every change of a namespace begins with.
struct Change {
  std::string name_space;  // as the path has it
  Author author;
  IfMatch match;
  Reading reading;  // ?strict=false
};
enum class Matching : std::uint8_t { required, optional };  // whether there must be an If-Match
// Who asks, with which right, for what (the namespace is there), ?comment=, ?strict= and If-Match. Errors:
// those of read_manager(), validation_failed, not_found, precondition_required.
Task<Result<Change>> begin_change(FlagServices& services, http::Context& context,
                                  Matching matching = Matching::required, Source source = Source::api);

// What a reader has made of a document, with its warnings.
template <class T>
struct Prepared {
  T value{};
  Reading reading{};
};
inline Dangling dangling_of(const Reading& reading) {
  return reading.strict ? Dangling::refused : Dangling::warned;
}

struct Changed {
  NamespaceRef name_space;           // afterwards; null: it is gone
  std::vector<FieldError> warnings;  // segments that are named but not there
};
using ChangeOutcome = Result<storage::Committed<Changed>>;

inline constexpr JsonLimits document_limits = {.depth = 128, .members = 20'000};

// Warnings of the reading stand before those of the unit.
void add_warnings(Changed& changed, const Reading& reading);

// For read_body(): the body as it is.
inline Result<json::object> keep_body(const json::object& body) { return body; }

// A JSON object with room for what is refused as too complex. invalid_json.
Result<json::object> parse_document(const std::string& text, JsonLimits limits = document_limits);

// Bodies of so many bytes, with what they are applied to, are read in the shard's turn: some ten
// microseconds, less than a way to a reader's thread and back.
inline constexpr std::size_t small_body_bytes_max = 4096;

// Reads the body, a large one on a patient reader: `read` is a Result<T>(const json::object&) that owns what
// it works on. `base_bytes`: of what `read` goes through beside the body.
template <class F>
auto read_body(FlagServices& services, const http::Request& request, F read, std::size_t base_bytes = 0,
               JsonLimits limits = document_limits) -> Task<std::invoke_result_t<F&, const json::object&>> {
  if (const Result<> good = request.check_json(); !good) co_return good.error();
  if (request.body.size() + base_bytes <= small_body_bytes_max) {
    const Result<json::object> body = parse_document(request.body, limits);
    if (!body) co_return body.error();
    co_return read(*body);
  }
  auto look = [text = request.body, read = std::move(read),
               limits](storage::Snapshot&) mutable -> std::invoke_result_t<F&, const json::object&> {
    const Result<json::object> body = parse_document(text, limits);
    if (!body) return body.error();
    return read(*body);
  };
  co_return co_await services.parts.list_readers.read(std::move(look));
}

// What a unit counts for while it waits: its parsed body is several times the text; one without a body still
// copies and records a definition.
inline std::size_t weight_of(const http::Request& request) noexcept {
  return definition_bytes_max + 4 * request.body.size();
}

// The same of one that deletes the flag, or, if there is none of this key, something smaller.
std::size_t weight_of_removal(const Namespace& name_space, std::string_view flag) noexcept;

// `edit` is a Result<>(NamespaceEdit&) that owns its input: it says what is to be. The change lives
// until the task is done. Errors beside those of the edit: those of check_right() and NamespaceEdit.
template <class F>
Task<ChangeOutcome> change_namespace(FlagServices& services, const Change& change, F edit,
                                     std::size_t weight) {
  auto unit = [&services, key = change.name_space, author = change.author,
               edit = std::move(edit)](storage::UnitOfWork& work) mutable -> Result<Changed> {
    if (const Result<> right = check_right(work, author, Right::write, key); !right) return right.error();
    Result<NamespaceEdit> opened = NamespaceEdit::open(work, services.copies, services.directories, key);
    if (!opened) return opened.error();
    if (const Result<> said = edit(*opened); !said) return said.error();
    Result<NamespaceRef> after = opened->finish(author);
    if (!after) return after.error();
    return Changed{std::move(*after), opened->warnings()};
  };
  co_return co_await services.parts.writer.commit(std::move(unit), weight);
}
template <class F>
Task<ChangeOutcome> change_namespace(FlagServices& services, const http::Context& context,
                                     const Change& change, F edit) {
  return change_namespace(services, change, std::move(edit), weight_of(context.request));
}

// Says that something of the namespace is to go, if it has the version that was asked for.
using Removal = std::function<Result<>(NamespaceEdit&, const IfMatch&)>;
// A DELETE from its beginning to its answer, which has no content. Errors: those of begin_change() and
// change_namespace().
Task<http::Response> remove(FlagServices& services, http::Context& context, Removal removal);

}  // namespace corohub::flags
