#include "server/housekeeping.hpp"

#include "core/log.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace corohub::server {

Housekeeper::Housekeeper(asio::io_context& context, storage::Writer& writer, std::vector<Chore> chores,
                         HousekeepingSettings settings)
    : context_(context), writer_(writer), settings_(settings), timer_(context) {
  for (Chore& chore : chores) {
    metrics::Counter& rows = metrics::counter("corohub_cleaned_rows_total", "Rows deleted by housekeeping.",
                                              {{"what", chore.name}});
    chores_.push_back({std::move(chore), rows});
  }
}

void Housekeeper::start() { asio::co_spawn(context_, run(), asio::detached); }

void Housekeeper::stop() {
  stopped_ = true;
  timer_.cancel();
}

Task<> Housekeeper::run() {
  while (!stopped_) {
    const bool more = co_await round();
    if (stopped_) break;
    timer_.expires_after(more ? settings_.pause : settings_.interval);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

Task<bool> Housekeeper::round() {
  bool more = false;
  for (Known& known : chores_) {
    if (stopped_) break;
    const bool more_of_this = co_await step(known);
    more = more || more_of_this;
  }
  co_return more;
}

// True: there may be more to delete. A refused step is no trouble: old rows stay until the next round.
Task<bool> Housekeeper::step(Known& known) {
  auto unit = [&known](storage::UnitOfWork& work) -> Result<Cleaned> { return known.chore.step(work); };
  const Result<storage::Committed<Cleaned>> done = co_await writer_.commit(std::move(unit));
  if (!done) {
    log::debug("housekeeping.refused", {{"what", known.chore.name}, {"code", name(done.error().code)}});
    co_return false;
  }
  known.rows.Increment(static_cast<double>(done->value.rows));
  co_return done->value.more;
}

}  // namespace corohub::server
