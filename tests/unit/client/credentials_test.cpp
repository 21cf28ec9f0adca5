#include "client/credentials.hpp"

#include "support/temp_dir.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace corohub::client {
namespace {

class Credentials : public testing::Test {
 protected:
  void save(const std::string& server, const std::string& token) {
    const CredentialFile::Lock lock(file_);
    file_.save(server, {"a@example.com", 7, Secret(token), Secret("refresh-" + token)});
  }
  static unsigned mode(const std::filesystem::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777U;
  }

  test::TempDir temp_;
  const std::filesystem::path path_ = temp_.path() / "config" / "corohub" / "credentials.json";
  CredentialFile file_{path_};
};

TEST_F(Credentials, a_login_is_kept_per_server) {
  EXPECT_FALSE(file_.find("http://a:1"));
  save("http://a:1", "one");
  save("http://b:1", "two");
  save("http://a:1", "three");
  const std::optional<StoredLogin> login = CredentialFile(path_).find("http://a:1");
  ASSERT_TRUE(login);
  EXPECT_EQ(login->email, "a@example.com");
  EXPECT_EQ(login->user_id, 7);
  EXPECT_EQ(login->access_token.reveal(), "three");
  EXPECT_EQ(login->refresh_token.reveal(), "refresh-three");
  EXPECT_EQ(file_.find("http://b:1")->access_token.reveal(), "two");
}

TEST_F(Credentials, only_their_user_can_read_them) {
  save("http://a:1", "one");
  EXPECT_EQ(mode(path_), 0600U);
  EXPECT_EQ(mode(path_.parent_path()), 0700U);
  ::chmod(path_.c_str(), 0640);
  EXPECT_THROW(file_.find("http://a:1"), CredentialError);
}

TEST_F(Credentials, a_damaged_file_and_a_link_are_refused) {
  save("http://a:1", "one");
  {
    std::ofstream damaged(path_, std::ios::trunc);
    damaged << "{\"servers\":";
  }
  EXPECT_THROW(file_.find("http://a:1"), CredentialError);
  std::filesystem::rename(path_, path_.string() + ".real");
  std::filesystem::create_symlink(path_.string() + ".real", path_);
  EXPECT_THROW(file_.find("http://a:1"), CredentialError);
}

}  // namespace
}  // namespace corohub::client
