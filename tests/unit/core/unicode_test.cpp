#include "core/unicode.hpp"

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(Unicode, nfc_is_one_spelling_of_one_text) {
  EXPECT_EQ(nfc("Zoe\u0308"), "Zo\u00eb");
  EXPECT_EQ(nfc("Zo\u00eb"), "Zo\u00eb");
  EXPECT_EQ(nfc("\u212b"), "\u00c5");  // the Angstrom sign
  EXPECT_EQ(nfc("\ufb01"), "\ufb01") << "a ligature is another text, not another spelling";
  EXPECT_EQ(nfc(std::string_view("a\0b", 3)), std::string_view("a\0b", 3));
  EXPECT_EQ(nfc(""), "");
  EXPECT_EQ(nfc("\xff"), "\xff") << "left as it is";
}

TEST(Unicode, case_is_folded_in_every_script) {
  EXPECT_EQ(fold_case("PassWord"), "password");
  EXPECT_EQ(fold_case("\u00c4NNE"), fold_case("a\u0308nne"));
}

TEST(Unicode, white_space_at_both_ends_is_cut_whatever_script_it_is_of) {
  EXPECT_EQ(trim_white_space(" \t\r\n\u00a0\u2003\u3000Ann B.\u2028\u202f\u0085 "), "Ann B.");
  EXPECT_EQ(trim_white_space("\u3000\u00a0"), "");
  EXPECT_EQ(trim_white_space("\u00e9"), "\u00e9");
  EXPECT_EQ(trim_white_space(""), "");
  EXPECT_EQ(trim_white_space(" \xff\xa0"), "\xff\xa0");
}

TEST(Unicode, finds_what_cannot_be_seen) {
  for (const char* text : {"\u200b", "a\u200bb", "a\u202eb", "\u2066a", "a\ufeff", "adm\u200din", "\u200d",
                           "a\u00adb", "\u3164", "\u2060", "a\u061cb", "\u0645\u200c", "\U000e0041"})
    EXPECT_TRUE(has_invisible(text)) << text;
  for (const char* text :
       {"", "Ann B.", "\u00e9", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\U0001f469\u200d\U0001f4bb"})
    EXPECT_FALSE(has_invisible(text)) << text;
}

}  // namespace
}  // namespace corohub
