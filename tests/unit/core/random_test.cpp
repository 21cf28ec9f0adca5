#include "core/random.hpp"

#include "core/encoding.hpp"

#include <cctype>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(RandomToken, holds_256_bits_and_never_comes_twice) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string token = random_token();
    EXPECT_EQ(from_base64url(token)->size(), 32u);
    EXPECT_TRUE(seen.insert(token).second);
  }
  EXPECT_EQ(random_token(16).size(), 22u);
}

TEST(RandomToken, may_be_asked_for_by_many_threads_at_once) {
  std::vector<std::string> tokens(8);
  std::vector<std::thread> threads;
  threads.reserve(tokens.size());
  for (std::string& token : tokens) threads.emplace_back([&token] { token = random_token(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), tokens.size());
}

TEST(RandomBelow, stays_below) {
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_below(3));
  EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(random_below(1), 0u);
}

TEST(Uuid, is_version_4_and_its_text_reads_back) {
  for (int i = 0; i < 100; ++i) {
    const Uuid uuid = Uuid::random();
    const std::string text = uuid.text();
    ASSERT_EQ(text.size(), 36u);
    EXPECT_EQ(text[14], '4');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
    Uuid back;
    ASSERT_TRUE(Uuid::parse(text, back));
    EXPECT_EQ(back, uuid);
  }
}

TEST(Uuid, reads_upper_case) {
  Uuid lower;
  Uuid upper;
  ASSERT_TRUE(Uuid::parse("6ba7b810-9dad-41d1-80b4-00c04fd430c8", lower));
  ASSERT_TRUE(Uuid::parse("6BA7B810-9DAD-41D1-80B4-00C04FD430C8", upper));
  EXPECT_EQ(lower, upper);
  EXPECT_EQ(upper.text(), "6ba7b810-9dad-41d1-80b4-00c04fd430c8");
}

TEST(Uuid, refuses_other_forms) {
  Uuid out;
  for (const char* text :
       {"", "6ba7b810", "6ba7b8109dad41d180b400c04fd430c8", "{6ba7b810-9dad-41d1-80b4-00c04fd430c8}",
        "6ba7b810-9dad-41d1-80b4-00c04fd430c", "6ba7b810-9dad-41d1-80b4-00c04fd430c88",
        "6ba7b810_9dad-41d1-80b4-00c04fd430c8", "6ba7b81-09dad-41d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-41d1-80b4-00c04fd430cg", " ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-41d1-80b4-00c04fd4-0c8", "../../../../../../../../../../../../"})
    EXPECT_FALSE(Uuid::parse(text, out)) << text;
}

}  // namespace
}  // namespace corohub
