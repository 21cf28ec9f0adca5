#include "client/listener.hpp"

#include <gtest/gtest.h>

namespace corohub::client {
namespace {

TEST(AfterClose, the_reason_says_whether_to_come_back) {
  EXPECT_EQ(after_close("token_expired"), AfterClose::renew_token);
  for (const char* reason : {"kicked", "account_deleted", "account_disabled", "session_revoked", "logged_out",
                             "credentials_changed"})
    EXPECT_EQ(after_close(reason), AfterClose::give_up) << reason;
  for (const char* reason :
       {"draining", "slow_consumer", "overloaded", "internal_error", "rate_limited", "new"})
    EXPECT_EQ(after_close(reason), AfterClose::come_back) << reason;
}

TEST(BackOff, grows_to_half_a_minute_and_begins_anew_after_a_success) {
  BackOff back_off;
  back_off.set_first(std::chrono::milliseconds(100));
  for (const int most : {100, 200, 400, 800}) {
    const auto pause = back_off.next().count();
    EXPECT_GE(pause, most / 2);
    EXPECT_LE(pause, most);
  }
  for (int i = 0; i < 40; ++i) EXPECT_LE(back_off.next(), BackOff::longest);
  EXPECT_GE(back_off.next(), BackOff::longest / 2);
  back_off.succeeded();
  EXPECT_LE(back_off.next().count(), 100);
}

}  // namespace
}  // namespace corohub::client
