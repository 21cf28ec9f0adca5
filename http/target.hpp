// The target of a request line: path and query, decoded or refused, and what the log may show of them.
#pragma once

#include "core/error.hpp"
#include "http/request.hpp"

#include <string>
#include <string_view>

namespace corohub::http {

// Fills the members target, path and query of the request. Good are origin form, absolute form for our own
// host, and `*` for OPTIONS; anything else is invalid_request, as are broken escapes, NUL, bytes that are no
// UTF-8, and `.` or `..` as a segment.
Result<> read_target(std::string_view target, std::string_view host, Request& request);

// Path and query for the log: only the values of keys known to be harmless are kept (T26).
std::string redacted_target(std::string_view target);

}  // namespace corohub::http
