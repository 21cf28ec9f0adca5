#include "core/secret.hpp"

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace corohub {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
template <class T>
concept Comparable = requires(const T& a, const T& b) { a == b; };

// T72
static_assert(!Printable<Secret>);
static_assert(!Comparable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret>);

TEST(Secret, keeps_its_bytes_and_leaves_none_behind_when_moved) {
  using namespace std::string_literals;
  Secret first("a\0long secret that is not kept in the string itself"s);
  EXPECT_EQ(first.reveal().size(), 51u);
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.reveal().substr(2, 4), "long");
  Secret third;
  third = second;
  EXPECT_EQ(third.reveal(), second.reveal());
}

}  // namespace
}  // namespace corohub
