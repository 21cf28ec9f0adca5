// A whole document put into an environment at once: an import, or a copy of another environment. Pure, but
// for the edit that it fills.
#pragma once

#include "core/json.hpp"
#include "flags/change.hpp"
#include "flags/flagd_document.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

enum class ImportMode : std::uint8_t {
  merge,    // what the document does not name stays
  replace,  // what the document does not name goes: a flag with all its definitions
};

struct ImportOrder {
  std::string environment;
  ImportMode mode = ImportMode::merge;
  Dangling dangling = Dangling::refused;
};

// What happened, or would, to the flags or to the segments. The lists are sorted.
struct ImportedOf {
  std::vector<std::string> created;
  std::vector<std::string> updated;
  std::vector<std::string> deleted;
  std::size_t unchanged = 0;  // of those that the document names
};

struct ImportReport {
  ImportedOf flags;
  ImportedOf segments;
  std::vector<FieldError> warnings;
};
json::object to_json(const ImportReport& report);

// Tells the edit what the document wants, for judge() or finish() to judge. Errors: not_found for an
// environment that is not there, validation_failed for too much metadata.
Result<> put_document(NamespaceEdit& edit, const ImportOrder& order, const FlagdDocument& document);
// What becomes of it; after judge() or finish().
ImportReport report_of(const NamespaceEdit& edit, const ImportOrder& order, const FlagdDocument& document);

// Which flags of an environment are copied, and how.
struct CopyOrder {
  std::optional<std::vector<std::string>> keys;  // nothing: all
  bool disable = false;                          // the copies are DISABLED
};
// The flags with the segments that they need. validation_failed: unknown_flag.
Result<FlagdDocument> document_of(const Environment& environment, const CopyOrder& order);

}  // namespace corohub::flags
