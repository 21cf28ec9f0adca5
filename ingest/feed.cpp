#include "ingest/feed.hpp"

#include "core/log.hpp"
#include "ingest/apply.hpp"
#include "ingest/counts.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/redirect_error.hpp>

namespace corohub::ingest {
namespace {

constexpr std::chrono::milliseconds retry_interval{200};
constexpr std::size_t bytes_per_message = 512;  // beside its text

flags::Author author_of_redis() {
  flags::Author author;
  author.caller = users::Caller::operator_of_this_machine();
  author.source = flags::Source::redis;
  return author;
}

// What the log says of a message that is bad: nothing that is in it.
std::string reason(const Error& error) {
  std::string why(name(error.code));
  for (const FieldError& field : error.fields)
    why.append(" ").append(field.field).append(" ").append(field.code);
  return why;
}

}  // namespace

std::size_t Complaints::add(std::size_t count) noexcept {
  waiting_ += count;
  if (waiting_ == 0 || clock_.steady() < quiet_until_) return 0;
  quiet_until_ = clock_.steady() + interval;
  return std::exchange(waiting_, 0);
}

// The messages of one unit.
struct Feed::Part {
  std::shared_ptr<const Batch> batch;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool hopeless = false;  // the one message makes its unit fail, so nothing is done of it
};

Feed::Feed(asio::io_context& context, flags::Flags& flags, flags::NamespaceAccess access, std::string stream)
    : flags_(flags),
      access_(access),
      stream_(std::move(stream)),
      timer_(context),
      complaints_(flags.parts().clock) {}

Feed::Outcome Feed::run(storage::UnitOfWork& work, const Part& part) const {
  Outcome outcome;
  const auto complain = [&outcome](std::string why) {
    ++outcome.bad;
    outcome.why = std::move(why);
  };
  const EntryId done = stream_.empty() ? EntryId() : read_position(work, stream_);
  EntryId last = done;
  for (std::size_t i = part.begin; i < part.end; ++i) {
    const Incoming& one = (*part.batch)[i];
    if (!stream_.empty() && one.id <= last) continue;
    last = one.id;
    if (part.hopeless) {
      complain("internal_error");
    } else if (!one.message) {
      complain(reason(one.message.error()));
    } else if (const Result<> applied = apply(work, flags_, access_, *one.message, author_of_redis());
               !applied) {
      complain(reason(applied.error()));
    } else {
      ++outcome.accepted;
    }
  }
  if (last > done) save_position(work, stream_, last);
  return outcome;
}

// A message that makes its unit throw would throw again and stop all that follow: that one is given up. Which
// it was is known when it was alone in its unit.
Task<bool> Feed::take(Batch messages) {
  const auto batch = std::make_shared<const Batch>(std::move(messages));
  std::size_t together = messages_per_unit_max;
  bool hopeless = false;
  std::size_t begin = 0;
  while (begin < batch->size()) {
    if (stopped_) co_return false;
    const std::size_t end = std::min(begin + together, batch->size());
    auto unit = [this, part = Part{batch, begin, end, hopeless}](storage::UnitOfWork& work) {
      return Result<Outcome>(run(work, part));
    };
    const Result<storage::Committed<Outcome>> stored =
        co_await flags_.parts().writer.commit(std::move(unit), (end - begin) * bytes_per_message);
    if (stored) {
      count(stored->value);
      begin = end;
      hopeless = false;
      continue;
    }
    if (stored.error().code != ErrorCode::internal_error)
      co_await pause();
    else if (end - begin > 1)
      together = 1;
    else if (hopeless)
      co_await pause();
    else
      hopeless = true;
  }
  co_return true;
}

Task<Result<EntryId>> Feed::position() {
  auto read = [stream = stream_](storage::Snapshot& snapshot) {
    return Result<EntryId>(read_position(snapshot, stream));
  };
  co_return co_await flags_.parts().readers.read(std::move(read));
}

void Feed::count(const Outcome& outcome) {
  counts().accepted.Increment(static_cast<double>(outcome.accepted));
  counts().bad.Increment(static_cast<double>(outcome.bad));
  if (const std::size_t bad = outcome.bad > 0 ? complaints_.add(outcome.bad) : 0; bad > 0)
    log::warn("ingest.bad_messages", {{"count", bad}, {"why", outcome.why}});
}

void Feed::stop() noexcept {
  stopped_ = true;
  timer_.cancel();
}

Task<> Feed::pause() {
  if (stopped_) co_return;
  timer_.expires_after(retry_interval);
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
}

}  // namespace corohub::ingest
