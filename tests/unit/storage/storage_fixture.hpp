// A migrated database in a directory of its own, with a writer whose effects are plain words.
#pragma once

#include "core/task.hpp"
#include "storage/reader_pool.hpp"
#include "storage/storage.hpp"
#include "storage/writer.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::storage::test {

using corohub::test::ManualClock;
using corohub::test::run_task;
using corohub::test::TempDir;

class Words final : public Effects {
 public:
  std::size_t size() const noexcept override { return words.size(); }
  void truncate(std::size_t size) noexcept override { words.resize(size); }
  std::vector<std::string> words;
};

// What was committed, batch by batch.
class RecordingSink final : public CommitSink {
 public:
  std::unique_ptr<Effects> begin_batch() override { return std::make_unique<Words>(); }
  void committed(std::unique_ptr<Effects> effects, std::vector<UnitEffects> units) noexcept override {
    std::vector<std::unique_ptr<Completion>> answered;
    for (UnitEffects& item : units) {
      item.unit->set_reached(static_cast<std::uint32_t>(item.end - item.begin));
      answered.push_back(std::move(item.unit));
    }
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(std::move(static_cast<Words&>(*effects).words));
    }
    finish_at_home(std::move(answered));
  }

  std::vector<std::vector<std::string>> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<std::string>> batches_;
};

// Holds the writer's thread inside a unit until the test lets it go on.
class Barrier {
 public:
  void lift() { promise_.set_value(); }
  void pass() { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_{promise_.get_future()};
};

using Answer = Result<Committed<Nothing>>;

class StorageTest : public testing::Test {
 protected:
  // `path`: where the data directory shall be; nothing: a temporary one.
  void open(WriterLimits limits = {}, bool with_readers = true) {
    if (!data_) data_ = std::make_unique<DataDirectory>(temp_.path() / "data");
    head_ = prepare_database(*data_);
    writer_ = std::make_unique<Writer>(data_->database(), sink_, clock_, limits,
                                       [this](Seq seq) { data_->remember(head_.epoch, seq); });
    if (with_readers) readers_ = std::make_unique<ReaderPool>(data_->database(), 2);
  }

  void close() {
    if (writer_) writer_->stop();
    readers_.reset();
    writer_.reset();
  }

  // One unit, to its end.
  template <class F>
  auto commit(F unit) {
    return run_task(context_, [&] { return writer_->commit(unit); });
  }

  // Puts a unit into the queue; its answer comes out of finish().
  template <class F>
  void submit(F unit, std::size_t slot, std::size_t bytes = 0) {
    asio::co_spawn(context_, writer_->commit(std::move(unit), bytes),
                   [this, slot](const std::exception_ptr&, const Answer& answer) {
                     answers_[slot] = answer ? "ok" : std::string(name(answer.error().code));
                   });
    context_.restart();
    context_.poll();
  }
  std::map<std::size_t, std::string> finish() {
    context_.restart();
    context_.run();
    return std::exchange(answers_, {});
  }

  // A row nobody else has, and an effect of the same name.
  static Result<Nothing> add(UnitOfWork& work, const std::string& key, bool effect = true) {
    work.query("INSERT INTO meta (key, value) VALUES (?, 'test')").bind(key).run();
    if (effect) static_cast<Words&>(work.effects()).words.push_back(key);
    return Nothing{};
  }
  static auto adding(std::string key, bool effect = true) {
    return [key = std::move(key), effect](UnitOfWork& work) { return add(work, key, effect); };
  }

  // The rows of add(), as a reader sees them.
  std::string rows() {
    const auto list = [](Snapshot& snapshot) -> Result<std::string> {
      Query query = snapshot.query("SELECT key FROM meta WHERE value = 'test' ORDER BY rowid");
      std::string out;
      while (query.next()) out += (out.empty() ? "" : " ") + query.text(0);
      return out;
    };
    if (!readers_) readers_ = std::make_unique<ReaderPool>(data_->database(), 1);
    return run_task(context_, [&] { return readers_->read(list); }).value();
  }

  TempDir temp_;
  ManualClock clock_;
  RecordingSink sink_;
  asio::io_context context_{1};
  std::map<std::size_t, std::string> answers_;
  LogHead head_;
  std::unique_ptr<DataDirectory> data_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<ReaderPool> readers_;
};

// 0: it did not throw.
template <class F>
int exit_code_of(F start) {
  try {
    start();
  } catch (const StartError& error) {
    EXPECT_STRNE(error.what(), "");
    return error.exit_code;
  }
  return 0;
}

inline std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Name and bytes of every file in a directory.
inline std::map<std::string, std::string> contents(const std::filesystem::path& directory) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    out[entry.path().filename().string()] = content(entry.path());
  return out;
}

}  // namespace corohub::storage::test
