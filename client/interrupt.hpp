// The user's wish to go, which ends every wait of this room. Raised by SIGINT and SIGTERM, or by hand.
#pragma once

#include <chrono>

namespace corohub::client {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // From now on SIGINT and SIGTERM raise the interrupt. For one instance, which lives as long as the process.
  void take_signals();
  void raise() noexcept;  // any thread, and a signal's handler
  // True: the interrupt was raised before the time was over.
  bool wait(std::chrono::milliseconds time) const noexcept;
  bool raised() const noexcept { return wait(std::chrono::milliseconds(0)); }
  int descriptor() const noexcept { return descriptor_; }  // readable once the interrupt is raised

 private:
  int descriptor_;
};

}  // namespace corohub::client
