#include "core/completion.hpp"

#include <boost/asio/post.hpp>

namespace corohub {

void finish_at_home(std::vector<std::unique_ptr<Completion>> completions) {
  while (!completions.empty()) {
    const Executor origin = completions.front()->origin();
    // Once they have finished there, run() may return and the loop be destroyed while post() still wakes it
    // up.
    const auto until_posted = asio::make_work_guard(origin);
    std::vector<std::unique_ptr<Completion>> here;
    std::vector<std::unique_ptr<Completion>> elsewhere;
    for (std::unique_ptr<Completion>& item : completions)
      (item->origin() == origin ? here : elsewhere).push_back(std::move(item));
    asio::post(origin, [here = std::move(here)]() {
      for (const std::unique_ptr<Completion>& item : here) item->finish();
    });
    completions = std::move(elsewhere);
  }
}

}  // namespace corohub
