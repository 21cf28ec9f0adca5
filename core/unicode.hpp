// What Unicode says of texts that people type: the one spelling of a text, and what in it cannot be seen.
// Pure. Texts are UTF-8; malformed bytes stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace corohub {

// Normalisation form C: the same bytes for the same text, however a keyboard has put it together.
std::string nfc(std::string_view text);

// NFC without regard to case, for comparisons.
std::string fold_case(std::string_view text);

// White space at both ends cut: every character that Unicode calls so, not only ASCII's.
std::string_view trim_white_space(std::string_view text) noexcept;

// Whether the text has characters that show nothing, or that turn the direction of what stands beside them:
// with these, two texts look the same, or one looks like another. Joiners may stand between letters of
// scripts that need them.
bool has_invisible(std::string_view text) noexcept;

}  // namespace corohub
