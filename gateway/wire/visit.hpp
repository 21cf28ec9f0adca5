// A request's way to the shard where its session lives, and back. Neither way needs memory once it has begun,
// and a visit that nobody answers comes home all the same.
#pragma once

#include "core/completion.hpp"
#include "core/fixed_post.hpp"
#include "core/task.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace corohub::gateway {

struct Reply {
  enum class Kind : std::uint8_t {
    lost,     // nobody could answer: a shard that stops, or has no memory
    unknown,  // there is no such session
    foreign,  // it is another user's
    busy,     // too much of it waits already
    refused,  // the session takes no such request, or not now
    done,     // what was sent has been heard; the session is there
    frame,    // `frame` is for the client
  };
  Kind kind = Kind::lost;
  std::string frame{};
  // It was of no use to a session that lives, and no limit of a session counts it.
  bool stray = false;
};

// One request that waits.
class Visit : public Completion {
 public:
  using Completion::Completion;

 private:
  friend class Ticket;
  friend Task<Reply> visit(boost::asio::io_context& home, const std::function<void(class Ticket)>& errand);

  Reply reply_;
  FixedPost out_;
  FixedPost back_;

 protected:
  Reply take_reply() noexcept { return std::move(reply_); }
};

// The right to answer a visit, once. Given up without an answer: the visit comes home `lost`.
class Ticket {
 public:
  Ticket() = default;
  explicit Ticket(std::unique_ptr<Visit> visit) noexcept : visit_(std::move(visit)) {}
  Ticket(Ticket&&) = default;
  Ticket& operator=(Ticket&& other) noexcept {
    go_home();
    visit_ = std::move(other.visit_);
    return *this;
  }
  ~Ticket() { go_home(); }

  explicit operator bool() const noexcept { return visit_ != nullptr; }
  void answer(Reply reply) noexcept {
    if (visit_) visit_->reply_ = std::move(reply);
    go_home();
  }

 private:
  friend Task<Reply> visit(boost::asio::io_context& home, const std::function<void(Ticket)>& errand);
  void go_home() noexcept;

  std::unique_ptr<Visit> visit_;
};

// Runs the errand on the home's thread and waits until its ticket is answered. The errand outlives the call,
// and is run once at most; what it throws makes the visit `lost`. Once it has answered, or given its ticket
// away, it touches nothing that it has captured: whoever waited goes on.
Task<Reply> visit(boost::asio::io_context& home, const std::function<void(Ticket)>& errand);

// What runs `errand` on the home's thread when it is called, which needs no memory then. To be called once at
// most. The errand must not throw.
std::function<void()> errand_for(boost::asio::io_context& home, std::function<void()> errand);

}  // namespace corohub::gateway
