// R3, R3b, T68: what the writer says and keeps while the disk is full or fails.
#include "storage_fixture.hpp"
#include "support/faulty_vfs.hpp"

#include <cstring>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace corohub::storage::test {
namespace {

using corohub::test::FaultyVfs;
using Batches = std::vector<std::vector<std::string>>;
using Answers = std::map<std::size_t, std::string>;

std::string integrity(const std::filesystem::path& database) {
  sqlite3* handle = nullptr;
  sqlite3_open_v2(database.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  std::string out;
  const auto row = [](void* text, int, char** values, char**) {
    *static_cast<std::string*>(text) += values[0];
    return 0;
  };
  sqlite3_exec(handle, "PRAGMA integrity_check", row, &out, nullptr);
  sqlite3_close(handle);
  return out;
}

// More than the page cache holds, so that the disk is needed before the commit.
Result<Nothing> add_big(UnitOfWork& work, const std::string& key) {
  work.query("INSERT INTO meta (key, value) VALUES (?, hex(randomblob(8000000)))").bind(key).run();
  static_cast<Words&>(work.effects()).words.push_back(key);
  return Nothing{};
}

class FaultTest : public StorageTest {
 protected:
  ~FaultTest() override { close(); }
  FaultyVfs vfs_;
};

TEST_F(FaultTest, T68_R3_full_at_commit_refuses_the_whole_batch_and_recovers) {
  open();
  EXPECT_TRUE(commit(adding("before")));
  FaultyVfs::disk_full() = true;
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(adding("1", false), 1);
  submit([](UnitOfWork&) -> Result<Nothing> { return Error(ErrorCode::not_found); }, 2);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "storage_full"}, {1, "storage_full"}, {2, "storage_full"}}));
  EXPECT_EQ(writer_->state(), StorageState::full);
  EXPECT_EQ(rows(), "before");  // reads go on
  EXPECT_TRUE(commit(adding("x")).error().retry_after);

  FaultyVfs::disk_full() = false;
  EXPECT_TRUE(commit(adding("after")));
  EXPECT_EQ(writer_->state(), StorageState::ok);
  EXPECT_EQ(rows(), "before after");
  EXPECT_EQ(sink_.batches(), (Batches{{"before"}, {"after"}}));
}

TEST_F(FaultTest, R3_full_inside_a_unit_takes_the_batch_so_far_and_nothing_after) {
  open();
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(
      [](UnitOfWork& work) -> Result<Nothing> {
        FaultyVfs::disk_full() = true;
        Result<Nothing> result = Nothing{};
        try {
          result = add_big(work, "big");
        } catch (...) {
          FaultyVfs::disk_full() = false;
          throw;
        }
        return result;
      },
      1);
  submit(adding("2"), 2);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "storage_full"}, {1, "storage_full"}, {2, "ok"}}));
  EXPECT_EQ(sink_.batches(), (Batches{{"2"}}));
  EXPECT_EQ(rows(), "2");
}

TEST_F(FaultTest, R3_a_unit_that_swallows_the_error_cannot_commit_half) {
  open();
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(
      [](UnitOfWork& work) -> Result<Nothing> {
        FaultyVfs::disk_full() = true;
        try {
          (void)add_big(work, "big");
        } catch (const DatabaseError&) {
        }
        FaultyVfs::disk_full() = false;
        return Nothing{};
      },
      1);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "storage_full"}, {1, "storage_full"}}));
  EXPECT_EQ(rows(), "");
}

// A sync that failed is reported once, and what it was for may be gone: whoever goes on builds on what only
// memory believes. So the process ends inside the sync, before anybody is answered.
TEST_F(FaultTest, R3b_T68_a_failed_sync_of_the_log_ends_the_process_before_anybody_is_answered) {
  open();
  EXPECT_TRUE(commit(adding("before")));
  close();
  const auto die = [this] {
    open();
    FaultyVfs::sync_fails() = true;
    (void)commit(adding("never answered"));
    ::_exit(0);
  };
  EXPECT_EXIT(die(), testing::ExitedWithCode(74), "storage_sync_failed");
  open();
  EXPECT_THAT(rows(), testing::StartsWith("before"));
}

TEST_F(FaultTest, R3b_T68_a_failed_sync_of_a_checkpoint_ends_it_too) {
  open();
  EXPECT_TRUE(commit(adding("before")));
  close();
  const auto die = [this] {
    open();
    FaultyVfs::database_sync_fails() = true;
    while (commit([](UnitOfWork& work) { return add_big(work, "big"); }));
    ::_exit(0);
  };
  EXPECT_EXIT(die(), testing::ExitedWithCode(74), "storage_sync_failed");
  open();
  EXPECT_THAT(rows(), testing::StartsWith("before"));
}

TEST_F(FaultTest, R3b_a_backup_that_cannot_be_synced_fails_alone) {
  open();
  EXPECT_TRUE(commit(adding("before")));
  FaultyVfs::sync_fails() = true;
  EXPECT_THROW(backup_database(data_->database(), temp_.path() / "backup"), StartError);
  FaultyVfs::sync_fails() = false;
  EXPECT_FALSE(std::filesystem::exists(temp_.path() / "backup"));
  EXPECT_TRUE(commit(adding("after")));
}

TEST_F(FaultTest, R3b_a_failed_write_beside_readers_the_commit_did_not_happen) {
  open();
  EXPECT_TRUE(commit(adding("before")));
  EXPECT_EQ(rows(), "before");  // readers hold the index of the log: the unfinished commit stays outside
  FaultyVfs::writes_fail() = true;
  EXPECT_EQ(commit(adding("lost")).error().code, ErrorCode::storage_unavailable);
  EXPECT_EQ(writer_->state(), StorageState::failed);
  EXPECT_EQ(commit(adding("also", false)).error().code, ErrorCode::storage_unavailable);
  EXPECT_EQ(rows(), "before");

  FaultyVfs::writes_fail() = false;
  EXPECT_TRUE(commit(adding("after")));
  EXPECT_EQ(writer_->state(), StorageState::ok);
  EXPECT_EQ(rows(), "before after");
  EXPECT_EQ(sink_.batches(), (Batches{{"before"}, {"after"}}));
  close();
  EXPECT_EQ(integrity(data_->database()), "ok");
}

// Each write in turn says that it failed although it took place, the commit's last one as well. Alone on the
// database, opening again finds such a commit in the log.
TEST_F(FaultTest, R3b_whatever_write_fails_what_is_in_the_database_is_what_was_published) {
  open({}, false);
  EXPECT_TRUE(commit(adding("before")));
  Seq seq = 0;
  bool doubted = false;
  for (int writes = 0; seq == 0 || FaultyVfs::writes_until_doubt() < 0; ++writes) {
    FaultyVfs::writes_until_doubt() = writes;
    const auto unit = [&](UnitOfWork& work) -> Result<Nothing> {
      work.set_last_seq(++seq);
      return add(work, "try" + std::to_string(writes));
    };
    const Answer answer = commit(unit);
    if (FaultyVfs::writes_until_doubt() < 0) {
      EXPECT_EQ(answer.error().code, ErrorCode::storage_unavailable);
      doubted = true;
      while (writer_->state() != StorageState::ok) std::this_thread::yield();
    }
  }
  FaultyVfs::writes_until_doubt() = -1;
  EXPECT_TRUE(doubted);
  EXPECT_TRUE(commit(adding("after")));
  std::string published;
  for (const std::vector<std::string>& batch : sink_.batches())
    for (const std::string& word : batch) published += (published.empty() ? "" : " ") + word;
  EXPECT_EQ(rows(), published);
  EXPECT_EQ(writer_->committed_seq(), seq);
}

TEST_F(FaultTest, R3_the_state_recovers_although_nobody_writes) {
  WriterLimits limits;
  limits.probe_interval = std::chrono::milliseconds(1);
  open(limits);
  for (std::atomic<bool>* fault : {&FaultyVfs::disk_full(), &FaultyVfs::writes_fail()}) {
    *fault = true;
    EXPECT_FALSE(commit(adding("lost")));
    EXPECT_NE(writer_->state(), StorageState::ok);
    *fault = false;
    while (writer_->state() != StorageState::ok) std::this_thread::yield();
  }
  EXPECT_TRUE(commit(adding("after")));
}

TEST_F(FaultTest, T67_damage_found_at_run_time_stops_all_writing) {
  open();
  const auto damaged = [](UnitOfWork&) -> Result<Nothing> {
    throw DatabaseError(SQLITE_CORRUPT, 0, "database disk image is malformed");
  };
  EXPECT_EQ(commit(damaged).error().code, ErrorCode::storage_unavailable);
  EXPECT_EQ(writer_->state(), StorageState::corrupt);
  EXPECT_EQ(commit(adding("no")).error().code, ErrorCode::storage_unavailable);
  EXPECT_EQ(rows(), "");
}

// The same on a real file system of 4 MiB, where this process may mount one in a name space of its own.
class SmallDiskTest : public StorageTest {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", temp_.path().c_str(), "tmpfs", 0, "size=4m") != 0)
      GTEST_SKIP() << "may not mount: " << std::strerror(errno);
    mounted_ = true;
  }
  ~SmallDiskTest() override {
    close();
    data_.reset();
    if (mounted_) ::umount2(temp_.path().c_str(), MNT_DETACH);
  }

  std::filesystem::path filler() const { return temp_.path() / "filler"; }
  void fill_disk() const {
    const int fd = ::open(filler().c_str(), O_WRONLY | O_CREAT, 0600);
    const std::vector<char> block(4096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) {
    }
    ::close(fd);
  }

  bool mounted_ = false;
};

TEST_F(SmallDiskTest, R3_nothing_acknowledged_is_lost_and_nothing_refused_is_kept) {
  open();
  std::string acknowledged;
  const auto try_add = [&](const std::string& key) {
    const auto unit = [key](UnitOfWork& work) -> Result<Nothing> {
      Result<Nothing> result = add(work, key);
      work.query("INSERT INTO audit (created_at, action, outcome, detail) VALUES (1, 'x', 'ok', ?)")
          .bind(std::string(20'000, 'x'))
          .run();
      return result;
    };
    const Answer answer = commit(unit);
    if (answer) acknowledged += (acknowledged.empty() ? "" : " ") + key;
    return answer ? std::string("ok") : std::string(name(answer.error().code));
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(try_add("a" + std::to_string(i)), "ok");
  fill_disk();
  int refused = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string answer = try_add("b" + std::to_string(i));
    EXPECT_TRUE(answer == "ok" || answer == "storage_full") << answer;
    refused += answer == "storage_full" ? 1 : 0;
    EXPECT_EQ(rows(), acknowledged);
  }
  EXPECT_GT(refused, 0);
  std::filesystem::remove(filler());
  EXPECT_EQ(try_add("c"), "ok");
  EXPECT_EQ(writer_->state(), StorageState::ok);
  EXPECT_EQ(rows(), acknowledged);
  close();
  EXPECT_EQ(integrity(data_->database()), "ok");
}

}  // namespace
}  // namespace corohub::storage::test
