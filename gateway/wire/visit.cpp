#include "gateway/wire/visit.hpp"

#include "core/log.hpp"

#include <exception>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/this_coro.hpp>

namespace corohub::gateway {
namespace {

template <class Handler>
class VisitFor final : public Visit {
 public:
  VisitFor(const Executor& origin, Handler handler) : Visit(origin), handler_(std::move(handler)) {}
  void finish() noexcept override {
    Handler handler(std::move(handler_));
    std::move(handler)(take_reply());
  }

 private:
  Handler handler_;
};

void run(const std::function<void(Ticket)>& errand, Ticket ticket) noexcept {
  try {
    errand(std::move(ticket));
  } catch (const std::exception& failure) {
    log::error("visit.failed", {{"cause", failure.what()}});
  }
}

}  // namespace

void Ticket::go_home() noexcept {
  if (!visit_) return;
  const Executor origin = visit_->origin().value();
  // The visit holds its loop until it has finished there; this, until post() has woken that loop up.
  const auto until_posted = asio::make_work_guard(origin);
  FixedPost& back = visit_->back_;
  back.post(origin.context(), [visit = std::move(visit_)]() noexcept { visit->finish(); });
}

Task<Reply> visit(asio::io_context& home, const std::function<void(Ticket)>& errand) {
  const Executor here = co_await asio::this_coro::executor;
  // Captures references only: this frame outlives the operation.
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    Ticket ticket(std::make_unique<VisitFor<Handler>>(here, std::move(handler)));
    FixedPost& out = ticket.visit_->out_;
    out.post(home,
             [&errand, ticket = std::move(ticket)]() mutable noexcept { run(errand, std::move(ticket)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Reply)>(initiate,
                                                                                              use_task);
}

std::function<void()> errand_for(asio::io_context& home, std::function<void()> errand) {
  struct Way {
    FixedPost post;
    std::function<void()> errand;
  };
  const auto way = std::make_shared<Way>();
  way->errand = std::move(errand);
  return [way, &home] { way->post.post(home, [way]() noexcept { way->errand(); }); };
}

}  // namespace corohub::gateway
