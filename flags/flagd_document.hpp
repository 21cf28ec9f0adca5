// flagd's document of a flag set (schema v0): written from an environment, and read from a stranger. Pure,
// and safe from any thread. A large document takes as long as its bytes ask for, so that neither a shard's
// turn nor the writer reads or writes one.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/identity_patch.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t document_bytes_max = 4 << 20;
inline constexpr std::size_t document_complaints_max = 100;  // of an answer; there may be more mistakes

// What an exported flag says beside flagd's members.
enum class ExportStyle : std::uint8_t {
  complete,  // its identity, too, as `x-corohub`
  plain,     // nothing: what flagd's own programs read
};

// The environment as text, the same bytes for the same state: keys of flags and segments are sorted, values
// stay as they were written.
std::string write_flagd_document(const Namespace& name_space, const Environment& environment,
                                 ExportStyle style);

struct DocumentFlag {
  std::string key;
  std::string at;           // JSON pointer of the flag in the document
  std::string identity_at;  // and of its identity
  DefinitionRef definition;
  IdentityPatch identity;  // `x-corohub`
};

struct DocumentSegment {
  std::string key;
  std::string at;
  SegmentRule rule;
};

// What a document says, right as far as it can be judged without the namespace that it is for.
struct FlagdDocument {
  std::vector<DocumentFlag> flags;         // sorted by key
  std::vector<DocumentSegment> segments;   // sorted by key
  std::optional<json::object> metadata{};  // of the flag set, without flagSetId and version
};

// Of the metadata of a flag set: an export says them of every environment, an import passes them over.
bool is_set_by_us(std::string_view metadata_key) noexcept;

// Reads the text, whose `flags` are a map or a list. `reading` is of the document as a whole. invalid_json;
// validation_failed with the first complaints, each of which points at its place.
Result<FlagdDocument> read_flagd_document(std::string_view text, Reading& reading);

}  // namespace corohub::flags
