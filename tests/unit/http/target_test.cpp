#include "http/target.hpp"

#include <gtest/gtest.h>

namespace corohub::http {
namespace {

TEST(Redaction, T26_only_harmless_keys_keep_their_values) {
  EXPECT_EQ(redacted_target("/users?page=2&per_page=10"), "/users?page=2&per_page=10");
  EXPECT_EQ(redacted_target("/ws?token=eyJ.a.b&since=e:5"), "/ws?token=[redacted]&since=e:5");
  EXPECT_EQ(redacted_target("/ws?ticket=a&q=ann@example.com"), "/ws?ticket=[redacted]&q=[redacted]");
  EXPECT_EQ(redacted_target("/ws"), "/ws");
  EXPECT_EQ(redacted_target(""), "");
}

TEST(Redaction, T26_a_secret_in_the_place_of_a_key_is_hidden_too) {
  EXPECT_EQ(redacted_target("/ws?eyJhbGciOiJIUzI1NiJ9.e30.x"), "/ws?[redacted]");
  EXPECT_EQ(redacted_target("/ws?" + std::string(50, 'k') + "=1"), "/ws?[redacted]");
  EXPECT_EQ(redacted_target("/ws?%74oken=secret"), "/ws?%74oken=[redacted]");
  EXPECT_EQ(redacted_target("/ws?Page=secret&page;token=secret"), "/ws?Page=[redacted]&[redacted]");
  EXPECT_EQ(redacted_target("/ws%3Ftoken=secret"), "/ws%3Ftoken=[redacted]");
}

TEST(Redaction, T53_a_line_stays_short) {
  EXPECT_LE(redacted_target("/" + std::string(4000, 'a')).size(), 256U);
  std::string many = "/?a=1";
  for (int i = 0; i < 1000; ++i) many += "&a=1";
  EXPECT_LE(redacted_target(many).size(), 512U);
}

}  // namespace
}  // namespace corohub::http
