#include "support/recording.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include <unistd.h>

namespace corohub::test {
namespace {

class Recording {
 public:
  explicit Recording(const std::string& directory)
      : file_(directory + "/" + program_invocation_short_name + "-" + std::to_string(::getpid()) + ".ndjson",
              std::ios::app) {
    if (!file_) throw std::runtime_error("events cannot be recorded in " + directory);
  }

  void add(std::string_view text) {
    const std::scoped_lock lock(mutex_);
    if (known_.emplace(text).second) file_ << text << std::endl;
  }

 private:
  std::mutex mutex_;
  std::ofstream file_;
  std::unordered_set<std::string> known_;
};

}  // namespace

void record_event(std::string_view text) {
  static const char* const directory = std::getenv("COROHUB_TEST_EVENTS");
  if (directory == nullptr) return;
  static Recording recording(directory);
  recording.add(text);
}

}  // namespace corohub::test
