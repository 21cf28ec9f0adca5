// Work that waits, fair between its owners: they are served in turn, one piece each, and when there is no
// room left, the longest line gives way. So an owner of little work is served soon, whatever others ask for,
// and a single owner may still use the whole room while nobody else wants it. Not safe between threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::auth {

template <class T>
class FairQueue {
 public:
  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  // `room`: how many pieces may wait. Returns the piece that has no place: the newest piece of the owner with
  // the longest line, or `item` itself if that line would be its own.
  std::optional<T> push(std::string_view owner, T item, std::size_t room) {
    Line* line = find(owner);
    std::optional<T> displaced;
    if (size_ >= room) {
      const auto longest =
          std::ranges::max_element(lines_, {}, [](const Line& one) { return one.items.size(); });
      const std::size_t own = line == nullptr ? 0 : line->items.size();
      if (longest == lines_.end() || longest->items.size() <= own + 1)
        return std::optional<T>(std::move(item));
      displaced.emplace(std::move(longest->items.back()));
      longest->items.pop_back();
      --size_;
    }
    if (line == nullptr) line = &lines_.emplace_back(std::string(owner));
    line->items.push_back(std::move(item));
    ++size_;
    return displaced;
  }

  // The next piece, of the owner whose turn it is; there must be one.
  T pop() {
    Line& line = lines_.front();
    T item = std::move(line.items.front());
    line.items.pop_front();
    --size_;
    if (line.items.empty())
      lines_.pop_front();
    else
      lines_.splice(lines_.end(), lines_, lines_.begin());
    return item;
  }

 private:
  struct Line {
    explicit Line(std::string its_owner) : owner(std::move(its_owner)) {}
    std::string owner;
    std::deque<T> items;  // never empty between two calls
  };

  Line* find(std::string_view owner) noexcept {
    const auto found = std::ranges::find(lines_, owner, &Line::owner);
    return found == lines_.end() ? nullptr : &*found;
  }

  std::list<Line> lines_;  // in the order of their turns; not more lines than pieces, which are few
  std::size_t size_ = 0;
};

}  // namespace corohub::auth
