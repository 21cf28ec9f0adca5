// How many pages of the log a shard's members may read at once: a crowd that comes back together waits in
// line, first come, first served. Used on the shard's thread only.
#pragma once

#include <cstddef>
#include <utility>

#include <boost/intrusive/list.hpp>

namespace corohub::hub {

class ReadPermits {
 public:
  // A permit is given back when it dies, which must be before ReadPermits dies; then the next in line gets
  // it. Movable.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept : permits_(std::exchange(other.permits_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        give_back();
        permits_ = std::exchange(other.permits_, nullptr);
      }
      return *this;
    }
    ~Permit() { give_back(); }
    void give_back() noexcept {
      if (ReadPermits* const permits = std::exchange(permits_, nullptr)) permits->returned();
    }

   private:
    friend class ReadPermits;
    explicit Permit(ReadPermits& permits) noexcept : permits_(&permits) {}
    ReadPermits* permits_ = nullptr;
  };

  // A waiter leaves the line by itself when it dies.
  class Waiter
      : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    virtual void permitted(Permit permit) noexcept = 0;

   protected:
    ~Waiter() = default;
  };

  explicit ReadPermits(std::size_t count) noexcept : free_(count) {}

  // permitted() is called inside if one is free, later otherwise.
  void ask(Waiter& waiter) noexcept {
    line_.push_back(waiter);
    serve();
  }

 private:
  void returned() noexcept {
    ++free_;
    serve();
  }
  void serve() noexcept {
    while (free_ > 0 && !line_.empty()) {
      Waiter& first = line_.front();
      line_.pop_front();
      --free_;
      first.permitted(Permit(*this));
    }
  }

  std::size_t free_;
  boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> line_;
};

}  // namespace corohub::hub
