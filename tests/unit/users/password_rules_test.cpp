#include "users/password_rules.hpp"

#include "house.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

using ::testing::ElementsAre;

TEST(PasswordRules, T40_the_commonest_are_known_whatever_their_case) {
  for (const char* common :
       {"password", "PassWord", "password1", "password123", "12345678", "qwerty123", "iloveyou", "1q2w3e4r"})
    EXPECT_TRUE(is_common_password(common)) << common;
  for (const char* other :
       {"", "secure123", "secure124", "passwordpasswordpassword", "password \n", "another-one"})
    EXPECT_FALSE(is_common_password(other)) << other;
}

TEST(PasswordRules, T40_ones_own_words) {
  const auto own = [](std::string_view password) {
    return is_own_word(password, "Ann Example", "ann.example@example.com");
  };
  for (const char* word : {"ann example", "ANN.EXAMPLE", "Ann.Example@example.com"})
    EXPECT_TRUE(own(word)) << word;
  for (const char* word : {"ann.example1", "example.com", ""}) EXPECT_FALSE(own(word)) << word;
}

json::object newcomer(std::string_view chosen) {
  return {{"name", "Zo\u00eb Example"}, {"email", "zoe.example@example.com"}, {"password", chosen}};
}

TEST(PasswordRules, T40_are_asked_wherever_a_password_is_chosen) {
  House house;
  const auto refused = [&](std::string_view chosen) {
    const Reply reply = house.send(Method::post, "/api/v1/auth/register", newcomer(chosen));
    return reply.status == 422 ? reply.errors() : std::vector<std::string>{std::to_string(reply.status)};
  };
  for (const char* chosen : {"password1", "Zoe.Example", "zoe.example@example.com", "zoe\u0308 example"})
    EXPECT_THAT(refused(chosen), ElementsAre("/password too_common")) << chosen;
  EXPECT_THAT(refused("secure123"), ElementsAre("201"));

  const Person ann = house.person("annabella");
  const Person root = house.person("root", Role::superadmin);
  for (const char* chosen : {"Password1", "annabella"})
    EXPECT_THAT(house
                    .send(Method::put, "/api/v1/users/me/password",
                          {{"current_password", password}, {"new_password", chosen}}, ann)
                    .errors(),
                ElementsAre("/new_password too_common"));
  const std::string link =
      house
          .send(Method::post, "/api/v1/admin/users/" + std::to_string(ann.id) + "/password-reset",
                json::object{}, root)
          .text("token");
  for (const char* chosen : {"12345678", "annabella@example.com"})
    EXPECT_THAT(
        house.send(Method::post, "/api/v1/auth/password/reset", {{"token", link}, {"password", chosen}})
            .errors(),
        ElementsAre("/password too_common"));
  EXPECT_FALSE(
      house.run([&] { return house.users().set_password(ann.email, Secret("annabella")); }).has_value());
  EXPECT_FALSE(
      house.run([&] { return house.users().set_password(ann.email, Secret("iloveyou")); }).has_value());
}

TEST(PasswordRules, T40_length_counts_what_is_seen) {
  House house;
  std::string apart;
  for (int i = 0; i < 8; ++i) apart += "e\u0308";
  json::object body = newcomer(apart);
  EXPECT_EQ(house.send(Method::post, "/api/v1/auth/register", body).status, 201);
  body["email"] = "other@example.com";
  body["password"] = apart.substr(0, 7 * 3);
  EXPECT_THAT(house.send(Method::post, "/api/v1/auth/register", body).errors(),
              ElementsAre("/password too_short"));
  std::string composed;
  for (int i = 0; i < 8; ++i) composed += "\u00eb";
  EXPECT_EQ(house
                .send(Method::post, "/api/v1/auth/login",
                      {{"email", "zoe.example@example.com"}, {"password", composed}})
                .status,
            200);
}

}  // namespace
}  // namespace corohub::users::test
