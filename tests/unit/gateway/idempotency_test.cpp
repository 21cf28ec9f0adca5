#include "gateway/session/idempotency.hpp"

#include "support/test_database.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using storage::UnitOfWork;

TEST(Idempotency, answers_are_forgotten_in_small_steps_once_their_window_is_over) {
  test::TestDatabase db;
  const auto store = [&](const std::string& text) {
    const auto unit = [&](UnitOfWork& work) -> Result<storage::Nothing> {
      Publication publication;
      publication.idempotency_key = text;
      const IdempotencyKey key = make_idempotency_key("user", "topic", publication);
      store_answer(work, key, {.seq = 0, .time = work.now()});
      return storage::Nothing{};
    };
    ASSERT_TRUE(db.commit(unit));
  };
  const auto forget = [&](std::int64_t limit) {
    const auto unit = [limit](UnitOfWork& work) -> Result<std::int64_t> {
      return forget_answers(work, limit);
    };
    return db.commit(unit).value().value;
  };
  for (const char* text : {"a", "b", "c"}) store(text);
  db.clock.advance(Publishing::idempotency_window - std::chrono::milliseconds(1));
  EXPECT_EQ(forget(10), 0);
  db.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(forget(2), 2);
  EXPECT_EQ(forget(2), 1);
  EXPECT_EQ(forget(2), 0);
}

}  // namespace
}  // namespace corohub::gateway
