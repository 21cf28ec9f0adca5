// Text of strangers, made fit for a terminal or a line of a log: characters that would move the cursor, end
// the line or turn its direction are written as JSON writes them, \u001b. Pure.
#pragma once

#include <string>
#include <string_view>

namespace corohub {

// Without control characters (C0, DEL, C1), U+2028 and U+2029, and the marks that turn the direction of text.
// What is not UTF-8 becomes \ufffd.
std::string printable(std::string_view text);

// The same for JSON text, whose value stays what it is. Line ends between tokens become blanks.
std::string printable_json(std::string_view text);

// The same for the inside of a string in quotes: quotes and backslashes are escaped, too.
void append_printable_quoted(std::string& out, std::string_view text);

}  // namespace corohub
