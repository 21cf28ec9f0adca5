#include "server/trials.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>

namespace corohub::server {
namespace {

using testing::ElementsAre;

TEST(Trials, an_ephemeral_server_changes_only_what_nobody_has_set) {
  Settings settings;
  make_ephemeral(settings, {}, "/somewhere");
  EXPECT_EQ(settings.data_dir, "/somewhere");
  EXPECT_THAT(settings.listen, ElementsAre("127.0.0.1:0"));
  EXPECT_EQ(settings.admin_listen, "");
  EXPECT_EQ(settings.tokens.access_ttl, std::chrono::hours(24));
  EXPECT_FALSE(settings.exempt_cidrs.empty());

  Settings mine;
  mine.listen = {"127.0.0.1:7000"};
  mine.admin_listen = "127.0.0.1:0";
  mine.tokens.access_ttl = std::chrono::seconds(5);
  make_ephemeral(mine, {}, "/somewhere");
  EXPECT_THAT(mine.listen, ElementsAre("127.0.0.1:7000"));
  EXPECT_EQ(mine.admin_listen, "127.0.0.1:0");
  EXPECT_EQ(mine.tokens.access_ttl.count(), 5);

  Invocation invocation;
  invocation.sources.flags = {{"--data-dir", {"here"}}};
  EXPECT_THROW(make_ephemeral(settings, invocation, "/somewhere"), ConfigError);
}

TEST(Trials, a_demo_serves_on_loopback_only) {
  Settings settings;
  EXPECT_NO_THROW(make_demo(settings));
  settings.listen = {"localhost:0", "0.0.0.0:0"};
  EXPECT_THROW(make_demo(settings), ConfigError);
  settings.listen = {"[::]:0"};
  EXPECT_THROW(make_demo(settings), ConfigError);
}

TEST(Trials, a_temporary_directory_is_private_and_goes_with_all_in_it) {
  std::filesystem::path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    std::filesystem::create_directories(path / "a" / "b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace corohub::server
