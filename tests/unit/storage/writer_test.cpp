#include "storage_fixture.hpp"

#include <new>
#include <set>
#include <thread>

#include <boost/asio/co_spawn.hpp>

namespace corohub::storage::test {
namespace {

using Batches = std::vector<std::vector<std::string>>;
using Answers = std::map<std::size_t, std::string>;

class WriterTest : public StorageTest {};

TEST_F(WriterTest, answers_after_the_commit_with_value_seq_and_reach) {
  open();
  const auto unit = [](UnitOfWork& work) -> Result<std::string> {
    (void)add(work, "a");
    (void)add(work, "b");
    work.set_last_seq(42);
    return std::string("value");
  };
  const Result<Committed<std::string>> answer = commit(unit);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->value, "value");
  EXPECT_EQ(answer->seq, 42);
  EXPECT_EQ(answer->reached, 2U);
  EXPECT_EQ(writer_->committed_seq(), 42);
  EXPECT_EQ(rows(), "a b");
}

TEST_F(WriterTest, a_unit_without_effects_is_answered_without_the_sink) {
  open();
  EXPECT_TRUE(commit(adding("a", false)));
  EXPECT_TRUE(sink_.batches().empty());
  EXPECT_EQ(rows(), "a");
}

TEST_F(WriterTest, the_unit_runs_on_another_thread_and_the_answer_comes_home) {
  open();
  const auto unit = [](UnitOfWork&) -> Result<std::thread::id> { return std::this_thread::get_id(); };
  const auto where = commit(unit);
  EXPECT_NE(where.value().value, std::this_thread::get_id());
}

TEST_F(WriterTest, units_that_wait_share_one_commit_in_their_order) {
  open();
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  for (std::size_t i = 1; i < 4; ++i) submit(adding(std::to_string(i)), i);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "ok"}, {1, "ok"}, {2, "ok"}, {3, "ok"}}));
  EXPECT_EQ(sink_.batches(), (Batches{{"0", "1", "2", "3"}}));
}

TEST_F(WriterTest, a_batch_ends_at_its_limit_of_units) {
  WriterLimits limits;
  limits.batch_units = 2;
  open(limits);
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  for (std::size_t i = 1; i < 5; ++i) submit(adding(std::to_string(i)), i);
  barrier.lift();
  finish();
  EXPECT_EQ(sink_.batches(), (Batches{{"0", "1"}, {"2", "3"}, {"4"}}));
}

TEST_F(WriterTest, a_batch_ends_at_its_limit_of_bytes_and_a_larger_unit_is_one_by_itself) {
  WriterLimits limits;
  limits.batch_bytes = 10'000;
  open(limits);
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0, 9'000);
  submit(adding("1"), 1, 4'000);
  submit(adding("2"), 2, 4'000);
  submit(adding("3"), 3, 4'000);
  submit(adding("4"), 4, 20'000);
  submit(adding("5"), 5);
  barrier.lift();
  EXPECT_EQ(finish().size(), 6U);
  EXPECT_EQ(sink_.batches(), (std::vector<std::vector<std::string>>{{"0"}, {"1", "2"}, {"3"}, {"4"}, {"5"}}));
}

TEST_F(WriterTest, T70_a_queue_with_many_bytes_is_full_although_few_wait) {
  WriterLimits limits;
  limits.queue_bytes = 10'000;
  open(limits);
  Barrier running;
  Barrier barrier;
  submit(
      [&](UnitOfWork& work) {
        running.lift();
        barrier.pass();
        return add(work, "0");
      },
      0);
  running.pass();
  submit(adding("1"), 1, 20'000);  // alone it has its place
  submit(adding("2"), 2, 1);
  barrier.lift();
  EXPECT_EQ(finish(), (std::map<std::size_t, std::string>{{0, "ok"}, {1, "ok"}, {2, "overloaded"}}));
}

TEST_F(WriterTest, T70_a_unit_or_read_without_memory_is_overloaded_alone) {
  open();
  const auto greedy = [](UnitOfWork& work) -> Result<Nothing> {
    (void)add(work, "greedy");
    throw std::bad_alloc();
  };
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(greedy, 1);
  barrier.lift();
  EXPECT_EQ(finish(), (std::map<std::size_t, std::string>{{0, "ok"}, {1, "overloaded"}}));
  EXPECT_EQ(rows(), "0");
  const auto read = [](Snapshot&) -> Result<int> { throw std::bad_alloc(); };
  EXPECT_EQ(run_task(context_, [&] { return readers_->read(read); }).error().code, ErrorCode::overloaded);
}

TEST_F(WriterTest, a_batch_ends_when_its_time_is_up) {
  open();
  Barrier barrier;
  const auto slow = [&](UnitOfWork& work) {
    barrier.pass();
    clock_.advance(std::chrono::milliseconds(5));
    return add(work, "0");
  };
  submit(slow, 0);
  submit(adding("1"), 1);
  barrier.lift();
  finish();
  EXPECT_EQ(sink_.batches(), (Batches{{"0"}, {"1"}}));
}

TEST_F(WriterTest, a_refused_unit_leaves_nothing_and_harms_nobody) {
  open();
  Barrier barrier;
  const auto refused = [](UnitOfWork& work) -> Result<Nothing> {
    (void)add(work, "no");
    return Error(ErrorCode::email_taken);
  };
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(refused, 1);
  submit(adding("2"), 2);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "ok"}, {1, "email_taken"}, {2, "ok"}}));
  EXPECT_EQ(sink_.batches(), (Batches{{"0", "2"}}));
  EXPECT_EQ(rows(), "0 2");
}

TEST_F(WriterTest, a_throwing_unit_is_answered_alone) {
  open();
  Barrier barrier;
  const auto throws = [](UnitOfWork& work) -> Result<Nothing> {
    (void)add(work, "no");
    throw std::runtime_error("a bug");
  };
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(throws, 1);
  submit(adding("0"), 2);  // a constraint: the row is there already
  submit(adding("3"), 3);
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "ok"}, {1, "internal_error"}, {2, "internal_error"}, {3, "ok"}}));
  EXPECT_EQ(sink_.batches(), (Batches{{"0", "3"}}));
  EXPECT_EQ(rows(), "0 3");
  EXPECT_EQ(writer_->state(), StorageState::ok);
}

TEST_F(WriterTest, a_full_queue_answers_overloaded_at_once) {
  WriterLimits limits;
  limits.queue_units = 2;
  open(limits);
  Barrier running;
  Barrier barrier;
  submit([&](UnitOfWork& work) { return running.lift(), barrier.pass(), add(work, "0"); }, 0);
  running.pass();  // the writer has taken it
  for (std::size_t i = 1; i < 4; ++i) submit(adding(std::to_string(i)), i);
  EXPECT_EQ(answers_, (Answers{{3, "overloaded"}}));
  barrier.lift();
  EXPECT_EQ(finish(), (Answers{{0, "ok"}, {1, "ok"}, {2, "ok"}, {3, "overloaded"}}));
  EXPECT_EQ(rows(), "0 1 2");
}

TEST_F(WriterTest, what_nobody_waits_for_is_done_in_its_turn_or_not_taken) {
  WriterLimits limits;
  limits.queue_units = 1;
  open(limits);
  Barrier running;
  Barrier barrier;
  submit([&](UnitOfWork& work) { return running.lift(), barrier.pass(), add(work, "a"); }, 0);
  running.pass();
  const auto later = [](const char* text) {
    return [text](UnitOfWork& work) -> Result<Nothing> {
      (void)add(work, text);
      return Nothing{};
    };
  };
  EXPECT_TRUE(writer_->commit_later(later("b")));
  EXPECT_FALSE(writer_->commit_later(later("c"))) << "the queue is full";
  barrier.lift();
  finish();
  writer_->stop();
  EXPECT_EQ(rows(), "a b");
  EXPECT_FALSE(writer_->commit_later(later("d")));
}

TEST_F(WriterTest, stop_finishes_what_was_accepted_and_refuses_the_rest) {
  open();
  Barrier barrier;
  submit([&](UnitOfWork& work) { return barrier.pass(), add(work, "0"); }, 0);
  submit(adding("1"), 1);
  barrier.lift();
  writer_->stop();
  writer_->stop();
  submit(adding("2"), 2);
  EXPECT_EQ(finish(), (Answers{{0, "ok"}, {1, "ok"}, {2, "draining"}}));
  EXPECT_EQ(rows(), "0 1");
}

TEST_F(WriterTest, readers_see_nothing_before_the_commit) {
  open();
  Barrier inserted;
  Barrier barrier;
  const auto unit = [&](UnitOfWork& work) {
    Result<Nothing> result = add(work, "0");
    inserted.lift();
    barrier.pass();
    return result;
  };
  std::thread other([&] {
    asio::io_context context(1);
    EXPECT_TRUE(run_task(context, [&] { return writer_->commit(unit); }));
  });
  inserted.pass();
  EXPECT_EQ(rows(), "");
  barrier.lift();
  other.join();
  EXPECT_EQ(rows(), "0");
}

TEST_F(WriterTest, many_threads_lose_nothing) {
  open();
  constexpr int threads = 4;
  constexpr int units = 100;
  std::vector<std::thread> shards;
  shards.reserve(threads);
  for (int shard = 0; shard < threads; ++shard)
    shards.emplace_back([&, shard] {
      asio::io_context context(1);
      int answered = 0;
      for (int i = 0; i < units; ++i)
        asio::co_spawn(context, writer_->commit(adding(std::to_string(shard * units + i))),
                       [&](const std::exception_ptr&, const Answer& answer) { answered += answer ? 1 : 0; });
      context.run();
      EXPECT_EQ(answered, units);
    });
  for (std::thread& shard : shards) shard.join();
  std::set<std::string> seen;
  for (const auto& batch : sink_.batches()) {
    EXPECT_LE(batch.size(), 256U);
    seen.insert(batch.begin(), batch.end());
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(threads * units));
}

TEST_F(WriterTest, a_unit_can_query_inside_a_loop_over_the_same_query) {
  open();
  const auto unit = [](UnitOfWork& work) -> Result<std::int64_t> {
    constexpr std::string_view sql = "SELECT value FROM meta WHERE key IN ('log_floor', 'last_batch')";
    std::int64_t pairs = 0;
    Query outer = work.query(sql);
    while (outer.next())
      for (Query inner = work.query(sql); inner.next();) ++pairs;
    return pairs;
  };
  EXPECT_EQ(commit(unit).value().value, 4);
}

TEST_F(WriterTest, T52_the_connection_refuses_attach_and_unbound_parameters) {
  open();
  const auto attach = [](UnitOfWork& work) -> Result<Nothing> {
    work.query("ATTACH DATABASE '/tmp/other' AS other").run();
    return Nothing{};
  };
  const auto unbound = [](UnitOfWork& work) -> Result<Nothing> {
    work.query("SELECT ?").run();
    return Nothing{};
  };
  EXPECT_EQ(commit(attach).error().code, ErrorCode::internal_error);
  EXPECT_EQ(commit(unbound).error().code, ErrorCode::internal_error);
}

TEST_F(WriterTest, values_of_every_kind_come_back_as_they_were) {
  open();
  const std::string bytes("a\0b'; DROP TABLE meta; --\xff", 26);
  const auto unit = [&](UnitOfWork& work) -> Result<bool> {
    Query query = work.query("SELECT ?, ?, ?, ?, ?, typeof(?), typeof(?)");
    query.bind(std::int64_t{-5}, true, std::string("a\0b", 3), Blob{bytes}, std::optional<std::int64_t>(),
               Blob{}, "");
    return query.next() && query.integer(0) == -5 && query.integer(1) == 1 && query.text(2).size() == 3 &&
           query.blob(3) == bytes && query.is_null(4) && !query.integer_or_null(4) &&
           query.text(5) == "blob" && query.text(6) == "text" && !query.next() && !query.next();
  };
  EXPECT_TRUE(commit(unit).value().value);
}

class ReaderPoolTest : public StorageTest {};

TEST_F(ReaderPoolTest, a_reader_cannot_write_and_goes_on) {
  open();
  const auto write = [](Snapshot& snapshot) -> Result<int> {
    snapshot.query("DELETE FROM meta").run();
    return 1;
  };
  EXPECT_FALSE(run_task(context_, [&] { return readers_->read(write); }));
  EXPECT_TRUE(commit(adding("a")));
  EXPECT_EQ(rows(), "a");
}

TEST_F(ReaderPoolTest, a_throwing_read_is_an_internal_error) {
  open();
  const auto throws = [](Snapshot&) -> Result<int> { throw std::runtime_error("a bug"); };
  EXPECT_EQ(run_task(context_, [&] { return readers_->read(throws); }).error().code,
            ErrorCode::internal_error);
  EXPECT_EQ(rows(), "");
}

TEST_F(ReaderPoolTest, a_full_queue_answers_overloaded_and_stop_answers_draining) {
  open();
  readers_ = std::make_unique<ReaderPool>(data_->database(), 1, 1);
  Barrier running;
  Barrier barrier;
  std::vector<std::string> answers;
  const auto submit_read = [&](auto read) {
    asio::co_spawn(context_, readers_->read(read), [&](const std::exception_ptr&, const Result<int>& answer) {
      answers.push_back(answer ? "ok" : std::string(name(answer.error().code)));
    });
    context_.restart();
    context_.poll();
  };
  const auto quick = [](Snapshot&) -> Result<int> { return 1; };
  submit_read([&](Snapshot&) -> Result<int> { return running.lift(), barrier.pass(), 1; });
  running.pass();
  submit_read(quick);
  submit_read(quick);
  EXPECT_EQ(answers, (std::vector<std::string>{"overloaded"}));
  barrier.lift();
  finish();
  readers_->stop();
  submit_read(quick);
  finish();
  EXPECT_EQ(answers, (std::vector<std::string>{"overloaded", "ok", "ok", "draining"}));
}

}  // namespace
}  // namespace corohub::storage::test
