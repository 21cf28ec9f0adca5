#include "auth/password.hpp"

#include "core/metrics.hpp"
#include "support/run_task.hpp"

#include <cstdint>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>
#include <sodium.h>

#include <sys/resource.h>
#include <unistd.h>

// A sanitizer would end the program where memory is refused to it.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

namespace corohub::auth {
namespace {

using namespace std::string_literals;
using corohub::test::run_task;

// The least that Argon2 takes.
PasswordSettings cheap() {
  PasswordSettings settings;
  settings.memory_kib = 64;
  settings.passes = 1;
  settings.threads = 2;
  return settings;
}

double hashes() { return metrics::counter("corohub_password_hashes_total", "").Value(); }
double refusals(const char* reason) {
  return metrics::counter("corohub_password_refusals_total", "", {{"reason", reason}}).Value();
}

std::string hash(PasswordHasher& hasher, const std::string& password) {
  return run_task([&] { return hasher.hash(Secret(password)); }).value();
}
bool verify(PasswordHasher& hasher, const std::string& password, const std::string& against) {
  return run_task([&] { return hasher.verify(Secret(password), against); }).value();
}

// Begins `count` hashes in one turn of the loop and runs them all to their end.
std::vector<Result<std::string>> hash_many(asio::io_context& context, PasswordHasher& hasher, int count) {
  std::vector<Result<std::string>> results;
  for (int i = 0; i < count; ++i)
    asio::co_spawn(context, hasher.hash(Secret("secure123")),
                   [&results](const std::exception_ptr& failure, Result<std::string> result) {
                     EXPECT_FALSE(failure);
                     results.push_back(std::move(result));
                   });
  context.run();
  return results;
}

// As much as that no process may have: 4 TiB, and 1 GiB more than now is allowed meanwhile.
TEST(PasswordHasher, T70_a_password_that_could_not_be_compared_for_want_of_memory_is_not_a_wrong_one) {
  PasswordHasher hasher(cheap());
  std::string huge = hash(hasher, "secure123");
  huge.replace(huge.find("m=64,"), 5, "m=4294967295,");
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(pages) * static_cast<rlim_t>(::getpagesize()) + (rlim_t{1} << 30);
  ::setrlimit(RLIMIT_AS, &tight);
  const Result<bool> answer = run_task([&] { return hasher.verify(Secret("secure123"), huge); });
  ::setrlimit(RLIMIT_AS, &before);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::overloaded);
  EXPECT_FALSE(verify(hasher, "secure124", hash(hasher, "secure123")));
}

TEST(PasswordHasher, makes_phc_strings_and_knows_the_right_password) {
  PasswordHasher hasher(cheap());
  const std::string first = hash(hasher, "secure123");
  const std::string second = hash(hasher, "secure123");
  EXPECT_TRUE(first.starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << first;
  EXPECT_NE(first, second) << "no salt";
  EXPECT_TRUE(verify(hasher, "secure123", first));
  EXPECT_TRUE(verify(hasher, "secure123", second));
  for (const char* wrong : {"", "secure12", "secure1234", "Secure123", " secure123", "secure123 "})
    EXPECT_FALSE(verify(hasher, wrong, first)) << wrong;
}

TEST(PasswordHasher, T40_every_byte_counts_also_behind_a_nul_and_far_back) {
  PasswordHasher hasher(cheap());
  const std::string with_nul = hash(hasher, "pass\0word-one"s);
  EXPECT_TRUE(verify(hasher, "pass\0word-one"s, with_nul));
  EXPECT_FALSE(verify(hasher, "pass\0word-two"s, with_nul));
  EXPECT_FALSE(verify(hasher, "pass", with_nul));
  EXPECT_FALSE(verify(hasher, "pass\0"s, with_nul));

  std::string long_one(512, 'a');
  const std::string of_long_one = hash(hasher, long_one);
  EXPECT_TRUE(verify(hasher, long_one, of_long_one));
  for (const std::size_t place : {std::size_t(72), std::size_t(255), std::size_t(511)}) {
    std::string other = long_one;
    other[place] = 'b';
    EXPECT_FALSE(verify(hasher, other, of_long_one)) << place;
  }
  EXPECT_FALSE(verify(hasher, long_one.substr(0, 72), of_long_one));
}

TEST(PasswordHasher, T40_one_password_however_a_keyboard_has_put_it_together) {
  PasswordHasher hasher(cheap());
  const std::string composed = "Zo\u00eb-secret";
  const std::string apart = "Zoe\u0308-secret";
  EXPECT_TRUE(verify(hasher, apart, hash(hasher, composed)));
  EXPECT_TRUE(verify(hasher, composed, hash(hasher, apart)));
  EXPECT_FALSE(verify(hasher, "Zoe-secret", hash(hasher, apart)));
}

TEST(PasswordHasher, T40_a_hash_of_before_is_of_what_was_typed) {
  PasswordHasher hasher(cheap());
  const std::string apart = "Zoe\u0308-secret";
  char old[crypto_pwhash_STRBYTES];
  ASSERT_EQ(crypto_pwhash_str_alg(old, apart.data(), apart.size(), 1, 65'536, crypto_pwhash_ALG_ARGON2ID13),
            0);
  EXPECT_TRUE(verify(hasher, apart, old));
  EXPECT_FALSE(verify(hasher, "Zo\u00eb-secret", old));
}

TEST(PasswordHasher, T37_a_login_of_nobody_costs_a_hash_and_is_never_right) {
  PasswordHasher hasher(cheap());
  const double before = hashes();
  EXPECT_FALSE(verify(hasher, "secure123", ""));
  EXPECT_FALSE(verify(hasher, "", ""));
  EXPECT_EQ(hashes() - before, 2);
}

TEST(PasswordHasher, a_damaged_hash_is_never_right) {
  PasswordHasher hasher(cheap());
  const std::string good = hash(hasher, "secure123");
  for (const std::string& bad : {"x"s, "$argon2id$"s, good.substr(0, 40), good + "A", "secure123"s,
                                 std::string(1000, '$'), "\0"s, "$argon2id$v=19$m=0,t=0,p=0$$"s})
    EXPECT_FALSE(verify(hasher, "secure123", bad)) << bad;
}

TEST(PasswordHasher, reads_hashes_of_other_implementations) {
  PasswordHasher hasher(cheap());
  // argon2 command line, "somesalt", -id -t 2 -k 65536 -p 1, password "password".
  EXPECT_TRUE(
      verify(hasher, "password",
             "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"));
}

TEST(PasswordHasher, only_weaker_hashes_are_made_again) {
  PasswordSettings stronger = cheap();
  stronger.memory_kib = 128;
  stronger.passes = 2;
  PasswordHasher weak(cheap());
  PasswordHasher strong(stronger);
  EXPECT_FALSE(weak.needs_rehash(hash(weak, "secure123")));
  EXPECT_FALSE(weak.needs_rehash(hash(strong, "secure123")));
  EXPECT_TRUE(strong.needs_rehash(hash(weak, "secure123")));
  EXPECT_FALSE(strong.needs_rehash(hash(strong, "secure123")));
  EXPECT_TRUE(strong.needs_rehash(
      "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"));
  for (const char* other : {"", "x", "$2b$12$abc", "$argon2i$v=19$m=999999,t=9,p=1$c29tZXNhbHQ$AAAA"})
    EXPECT_TRUE(strong.needs_rehash(other)) << other;
}

TEST(PasswordHasher, T39_beyond_its_threads_and_its_queue_it_refuses_at_once_and_hashes_nothing) {
  PasswordSettings settings = cheap();
  settings.memory_kib = 8192;
  settings.threads = 1;
  settings.queue = 3;
  PasswordHasher hasher(settings);
  const double hashes_before = hashes();
  const double refusals_before = refusals("queue_full");
  asio::io_context context(1);
  const std::vector<Result<std::string>> results = hash_many(context, hasher, 200);

  int done = 0;
  int refused = 0;
  for (const Result<std::string>& result : results) {
    if (result) {
      ++done;
      continue;
    }
    ++refused;
    EXPECT_EQ(result.error().code, ErrorCode::overloaded);
    EXPECT_GE(result.error().retry_after, std::chrono::seconds(1));
  }
  EXPECT_EQ(done + refused, 200);
  EXPECT_GE(done, 4);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(hashes() - hashes_before, done);
  EXPECT_EQ(refusals("queue_full") - refusals_before, refused);
}

TEST(PasswordHasher, T39_a_network_that_fills_the_queue_keeps_nobody_else_from_it) {
  PasswordSettings settings = cheap();
  settings.memory_kib = 8192;
  settings.threads = 1;
  settings.queue = 4;
  PasswordHasher hasher(settings);
  asio::io_context context(1);
  std::map<std::string, int> hashed;
  const auto begin = [&](const std::string& network) {
    asio::co_spawn(context, hasher.hash(Secret("secure123"), network),
                   [&hashed, network](const std::exception_ptr&, Result<std::string> result) {
                     hashed[network] += result.has_value() ? 1 : 0;
                   });
  };
  for (int i = 0; i < 50; ++i) begin("192.0.2.0/24");
  begin("198.51.100.0/24");
  begin("203.0.113.0/24");
  context.run();
  EXPECT_EQ(hashed["198.51.100.0/24"], 1);
  EXPECT_EQ(hashed["203.0.113.0/24"], 1);
  EXPECT_LT(hashed["192.0.2.0/24"], 50);
}

TEST(PasswordHasher, without_a_queue_a_free_thread_is_still_used) {
  PasswordSettings settings = cheap();
  settings.threads = 1;
  settings.queue = 0;
  PasswordHasher hasher(settings);
  for (int i = 0; i < 20; ++i) EXPECT_NE(hash(hasher, "secure123"), "");
}

TEST(PasswordHasher, T39_what_waited_too_long_is_not_hashed) {
  PasswordSettings settings = cheap();
  settings.wait_max = std::chrono::milliseconds(0);
  PasswordHasher hasher(settings);
  const double hashes_before = hashes();
  const double refusals_before = refusals("waited_too_long");
  const Result<std::string> late = run_task([&] { return hasher.hash(Secret("secure123")); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::overloaded);
  EXPECT_EQ(hashes(), hashes_before);
  EXPECT_EQ(refusals("waited_too_long") - refusals_before, 1);
}

TEST(PasswordHasher, stopping_finishes_what_was_accepted_and_takes_no_more) {
  PasswordHasher hasher(cheap());
  asio::io_context context(1);
  std::vector<Result<bool>> results;
  for (int i = 0; i < 8; ++i)
    asio::co_spawn(
        context, hasher.verify(Secret("secure123"), ""),
        [&](const std::exception_ptr&, Result<bool> result) { results.push_back(std::move(result)); });
  context.poll();
  hasher.stop();
  hasher.stop();
  context.run();
  ASSERT_EQ(results.size(), 8u);
  for (const Result<bool>& result : results) EXPECT_TRUE(result);

  const Result<bool> late = run_task([&] { return hasher.verify(Secret("secure123"), ""); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::draining);
}

TEST(PasswordHasher, answers_each_shard_on_its_own_thread) {
  PasswordHasher hasher(cheap());
  std::vector<std::thread> shards;
  shards.reserve(3);
  for (int i = 0; i < 3; ++i)
    shards.emplace_back([&hasher] {
      asio::io_context context(1);
      const std::thread::id here = std::this_thread::get_id();
      for (int k = 0; k < 20; ++k) {
        const bool same = run_task(context, [&]() -> Task<bool> {
          const Result<std::string> made = co_await hasher.hash(Secret("secure123"));
          co_return made&& std::this_thread::get_id() == here;
        });
        EXPECT_TRUE(same);
      }
    });
  for (std::thread& shard : shards) shard.join();
}

TEST(PasswordHasher, refuses_parameters_argon2_does_not_know) {
  PasswordSettings settings = cheap();
  settings.memory_kib = 1;
  EXPECT_THROW(PasswordHasher hasher(settings), std::invalid_argument);
  settings = cheap();
  settings.passes = 0;
  EXPECT_THROW(PasswordHasher hasher(settings), std::invalid_argument);
}

}  // namespace
}  // namespace corohub::auth
