#include "auth/key_ring.hpp"
#include "auth/token.hpp"
#include "auth_support.hpp"
#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace corohub::auth {
namespace {

using std::chrono::seconds;

class KeyStoreTest : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) const {
    std::filesystem::remove(file);
    std::ofstream(file) << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  std::string read() const {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  mode_t mode() const {
    struct stat info{};
    EXPECT_EQ(::lstat(file.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  // The line a caller would print before he exits.
  std::string refusal() const {
    try {
      const KeyStore store(file, clock);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  corohub::test::TempDir directory;
  const std::filesystem::path file = directory.path() / "keys.json";
  corohub::test::ManualClock clock;
};

std::string entry(const std::string& kid, const std::string& key,
                  const std::string& more = R"(,"state":"active")", const std::string& alg = "HS256") {
  return R"({"kid":")" + kid + R"(","alg":")" + alg + R"(","key":")" + key + "\"" + more + "}";
}
std::string document(const std::string& entries) { return R"({"keys":[)" + entries + "]}"; }
std::string good() { return base64url(test::hs_secret); }
const std::string retiring = R"(,"state":"retiring")";

TEST_F(KeyStoreTest, T35_makes_a_private_file_with_a_random_key_and_reads_it_again) {
  const mode_t before = ::umask(0);
  const KeyStore first(file, clock);
  ::umask(before);
  EXPECT_EQ(mode(), 0600u);
  EXPECT_EQ(first.ring()->keys().size(), 1u);
  EXPECT_EQ(first.ring()->active().algorithm, Algorithm::hs256);
  EXPECT_EQ(first.ring()->active().material.reveal().size(), 32u);

  const KeyStore second(file, clock);
  EXPECT_EQ(second.ring()->active().id, first.ring()->active().id);
  EXPECT_EQ(second.ring()->active().material.reveal(), first.ring()->active().material.reveal());
  EXPECT_NE(second.ring()->generation(), first.ring()->generation());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST_F(KeyStoreTest, two_first_starts_make_different_keys) {
  const corohub::test::TempDir other;
  const KeyStore here(file, clock);
  const KeyStore there(other.path() / "keys.json", clock);
  EXPECT_NE(here.ring()->active().material.reveal(), there.ring()->active().material.reveal());
  EXPECT_NE(here.ring()->active().id, there.ring()->active().id);
}

TEST_F(KeyStoreTest, reads_both_algorithms_and_states) {
  write(document(entry("a", good()) + "," + entry("b", base64url(test::ed_seed), retiring, "EdDSA") + "," +
                 entry("c", base64url(test::ed_seed), retiring + R"(,"not_after":1767695401124)")));
  const KeyStore store(file, clock);
  EXPECT_EQ(store.ring()->active().id, "a");
  EXPECT_EQ(store.ring()->find("b", clock.unix_ms())->algorithm, Algorithm::eddsa);
  EXPECT_NE(store.ring()->find("c", 1'767'695'401'123), nullptr);
  EXPECT_EQ(store.ring()->find("c", 1'767'695'401'124), nullptr);
  EXPECT_EQ(store.ring()->find("d", 0), nullptr);
}

TEST_F(KeyStoreTest, T35_refuses_a_file_that_others_may_touch) {
  for (const mode_t open : {0640u, 0644u, 0604u, 0660u, 0620u, 0602u, 0601u, 0777u}) {
    write(document(entry("a", good())), open);
    EXPECT_NE(refusal().find("chmod 600"), std::string::npos) << open;
  }
  write(document(entry("a", good())), 0400);
  EXPECT_EQ(refusal(), "");
}

TEST_F(KeyStoreTest, T35_refuses_weak_and_well_known_secrets) {
  const std::string random = std::string(test::hs_secret);
  const std::string weak[] = {
      "secret",
      base64url("secret"),
      "changeme",
      base64url("changeme"),
      "",
      "AAAA",
      base64url(random.substr(0, 31)),
      base64url(std::string(32, 'a')),
      base64url(std::string(64, '\0')),
      base64url(std::string(16, 'a') + std::string(16, 'b')),
      base64url("secretsecretsecretsecretsecretsecret"),
      base64url("your-256-bit-secret-your-256-bit-secret"),
      base64url("CHANGEME-CHANGEME-CHANGEME-CHANGEME"),
      base64url("this-is-an-example-key-of-32-bytes!!"),
      base64url("correct horse battery staple password"),
      base64url("0123456789abcdef0123456789abcdef"),
      base64url("abcdefghijklmnopqrstuvwxyz1029384756"),
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"};
  for (const std::string& key : weak) {
    write(document(entry("a", key)));
    EXPECT_NE(refusal().find("secret"), std::string::npos) << key << ": " << refusal();
    if (!key.empty() && key != "secret")
      EXPECT_EQ(refusal().find(key), std::string::npos) << "prints the secret";
  }
  write(document(entry("a", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", R"(,"state":"active")", "EdDSA")));
  EXPECT_NE(refusal().find("well-known"), std::string::npos);
  write(document(entry("a", base64url(random + "x"), R"(,"state":"active")", "EdDSA")));
  EXPECT_NE(refusal().find("32 bytes"), std::string::npos);
}

TEST_F(KeyStoreTest, T35_refuses_damaged_files) {
  const std::string texts[] = {
      "",
      "\n",
      "{",
      "null",
      "[]",
      "{}",
      R"({"keys":{}})",
      R"({"keys":[]})",
      R"({"keys":[1]})",
      document("{}"),
      document(entry("a", good())) + "x",
      document(entry("a", good())).substr(0, 40),
      document(entry("", good())),
      document(entry("../a", good())),
      document(entry(std::string(65, 'a'), good())),
      document(entry("a", good() + "=")),
      document(entry("a", "!")),
      document(entry("a", good(), "")),
      document(entry("a", good(), R"(,"state":"ACTIVE")")),
      document(entry("a", good(), R"(,"state":"active","state":"retiring")")),
      document(entry("a", good(), R"(,"state":"active","notafter":1)")),
      document(entry("a", good(), R"(,"state":"active","not_after":"1")")),
      document(entry("a", good(), R"(,"state":"active","not_after":-1)")),
      document(entry("a", good(), R"(,"state":"active")", "none")),
      document(entry("a", good(), R"(,"state":"active")", "RS256")),
      document(entry("a", good(), R"(,"state":"active")", "hs256")),
      document(entry("a", good()) + "," + entry("a", base64url(test::ed_seed), retiring)),
      document(entry("a", good()) + "," + entry("b", base64url(test::ed_seed))),
      document(entry("a", good(), retiring)),
      std::string(70'000, ' ') + document(entry("a", good())),
  };
  for (const std::string& text : texts) {
    write(text);
    EXPECT_EQ(refusal().find("The key file "), 0u) << text << ": " << refusal();
    EXPECT_EQ(refusal().find(good()), std::string::npos);
    EXPECT_EQ(read(), text) << "changed what it refused";
  }
}

TEST_F(KeyStoreTest, refuses_too_many_keys) {
  std::string entries = entry("a", good());
  for (int i = 0; i < 32; ++i) entries += "," + entry("k" + std::to_string(i), good(), retiring);
  write(document(entries));
  EXPECT_NE(refusal().find("too many"), std::string::npos);
}

TEST_F(KeyStoreTest, T66_refuses_what_is_no_file) {
  const std::filesystem::path elsewhere = directory.path() / "elsewhere.json";
  {
    const KeyStore other(elsewhere, clock);
  }
  std::filesystem::create_symlink(elsewhere, file);
  EXPECT_NE(refusal(), "");
  std::filesystem::remove(file);
  std::filesystem::create_symlink(directory.path() / "nowhere", file);
  EXPECT_NE(refusal(), "");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_NE(refusal(), "");
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_NE(refusal(), "");
}

TEST_F(KeyStoreTest, says_why_it_cannot_make_the_file) {
  const auto open = [&] { const KeyStore store(directory.path() / "missing" / "keys.json", clock); };
  EXPECT_THROW(open(), std::runtime_error);
}

TEST_F(KeyStoreTest, T34_a_rotated_key_verifies_until_its_time_and_leaves_the_file_after_it) {
  KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const auto account = test::make_account(1, session);
  const std::string before = tokens.issue(*account, session);
  const std::string old_id = store.ring()->active().id;

  const Result<std::string> fresh = store.rotate(seconds(930));
  ASSERT_TRUE(fresh) << fresh.error().cause;
  EXPECT_EQ(store.ring()->active().id, *fresh);
  EXPECT_NE(*fresh, old_id);
  EXPECT_EQ(store.ring()->keys().size(), 2u);
  EXPECT_EQ(mode(), 0600u);
  EXPECT_TRUE(tokens.verify(before));
  EXPECT_TRUE(tokens.verify(tokens.issue(*account, session)));
  EXPECT_EQ(KeyStore(file, clock).ring()->active().id, *fresh);

  clock.advance(seconds(930));
  EXPECT_EQ(store.ring()->find(old_id, clock.unix_ms()), nullptr);
  EXPECT_EQ(tokens.verify(before).error().cause, "unknown key");
  ASSERT_TRUE(store.rotate(seconds(930)));
  EXPECT_EQ(store.ring()->keys().size(), 2u);
  EXPECT_EQ(read().find(old_id), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST_F(KeyStoreTest, rotating_keeps_the_algorithm) {
  write(document(entry("a", base64url(test::ed_seed), R"(,"state":"active")", "EdDSA")));
  KeyStore store(file, clock);
  ASSERT_TRUE(store.rotate(seconds(1)));
  EXPECT_EQ(store.ring()->active().algorithm, Algorithm::eddsa);
}

TEST_F(KeyStoreTest, rotating_without_end_is_refused_before_the_file_gets_too_big_to_read) {
  KeyStore store(file, clock);
  std::set<std::string> ids;
  Result<std::string> id = store.rotate(seconds(900));
  for (int i = 0; id && i < 100; ++i) {
    EXPECT_TRUE(ids.insert(*id).second);
    id = store.rotate(seconds(900));
  }
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::overloaded);
  EXPECT_EQ(refusal(), "");
  clock.advance(seconds(900));
  EXPECT_TRUE(store.rotate(seconds(900)));
}

TEST_F(KeyStoreTest, T34_a_reload_takes_the_new_file_and_a_bad_one_leaves_the_old_ring) {
  write(document(entry("a", good())));
  KeyStore store(file, clock);
  write(document(entry("b", base64url(test::ed_seed)) + "," + entry("a", good(), retiring)));
  ASSERT_TRUE(store.reload());
  EXPECT_EQ(store.ring()->active().id, "b");

  const auto ring = store.ring();
  for (const std::string& text : {std::string("{"), document(entry("c", "AAAA")), std::string()}) {
    write(text);
    EXPECT_FALSE(store.reload());
    EXPECT_FALSE(store.rotate(seconds(1)));
    EXPECT_EQ(store.ring(), ring);
  }
  write(document(entry("c", good())), 0644);
  EXPECT_FALSE(store.reload());
  std::filesystem::remove(file);
  EXPECT_FALSE(store.reload());
  EXPECT_FALSE(store.rotate(seconds(1)));
  EXPECT_EQ(store.ring(), ring);
}

TEST_F(KeyStoreTest, rotating_keeps_what_an_operator_put_into_the_file_meanwhile) {
  write(document(entry("a", good())));
  KeyStore store(file, clock);
  write(document(entry("a", good()) + "," + entry("added", base64url(test::ed_seed), retiring)));
  ASSERT_TRUE(store.rotate(seconds(60)));
  EXPECT_NE(store.ring()->find("added", clock.unix_ms()), nullptr);
}

TEST_F(KeyStoreTest, T34_no_token_fails_while_keys_are_reloaded_and_rotated) {
  KeyStore store(file, clock);
  const Tokens tokens(store, {}, clock);
  const SessionId session = SessionId::random();
  const auto account = test::make_account(1, session);
  const std::string first = tokens.issue(*account, session);
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!done) {
        if (!tokens.verify(first)) ++failures;
        if (!tokens.verify(tokens.issue(*account, session))) ++failures;
      }
    });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(store.reload());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(store.rotate(seconds(900)));
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST(KeyRing, has_exactly_one_active_key) {
  EXPECT_THROW(KeyRing({}), std::invalid_argument);
  std::vector<Key> two;
  two.push_back(test::key("a", Algorithm::hs256, test::hs_secret, true));
  two.push_back(test::key("b", Algorithm::hs256, test::hs_secret, true));
  EXPECT_THROW(KeyRing(std::move(two)), std::invalid_argument);
}

}  // namespace
}  // namespace corohub::auth
