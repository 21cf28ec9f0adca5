#include "core/completion.hpp"

#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

namespace corohub {

void finish_at_home(std::vector<std::unique_ptr<Completion>> completions) {
  while (!completions.empty()) {
    const std::optional<Executor> origin = completions.front()->origin();
    std::vector<std::unique_ptr<Completion>> here;
    std::vector<std::unique_ptr<Completion>> elsewhere;
    for (std::unique_ptr<Completion>& item : completions)
      (item->origin() == origin ? here : elsewhere).push_back(std::move(item));
    auto finish = [here = std::move(here)]() {
      for (const std::unique_ptr<Completion>& item : here) item->finish();
    };
    completions = std::move(elsewhere);
    if (!origin) {
      finish();
      continue;
    }
    // Once the completions have finished at their origin, its run() may return and the loop be destroyed
    // while post() still wakes it up.
    const auto until_posted = asio::make_work_guard(*origin);
    asio::post(*origin, std::move(finish));
  }
}

}  // namespace corohub
