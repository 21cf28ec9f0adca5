// corohub_ingest_messages_total{result}: what became of messages, from wherever they came.
#pragma once

#include "core/metrics.hpp"

namespace corohub::ingest {

struct Counts {
  metrics::Counter& accepted = counter("accepted");
  metrics::Counter& bad = counter("bad");

 private:
  static metrics::Counter& counter(const char* result) {
    return metrics::counter("corohub_ingest_messages_total",
                            "Messages about flags from elsewhere, by result.", {{"result", result}});
  }
};

inline const Counts& counts() {
  static const Counts counts;
  return counts;
}

}  // namespace corohub::ingest
