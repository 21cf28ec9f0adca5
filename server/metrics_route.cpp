#include "server/metrics_route.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"

#include <cstdio>
#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

namespace corohub::server {
namespace {

// Looked up once; see core/metrics.hpp.
class Gauges {
 public:
  explicit Gauges(MetricsParts parts) : parts_(parts) {
    for (std::size_t role = 0; role < role_count; ++role)
      by_role_[role] = &metrics::gauge("corohub_connections", "Registered push connections.",
                                       {{"role", std::string(name(static_cast<Role>(role)))}});
    metrics::gauge("corohub_build_info", "Always 1; the version is a label.", {{"version", COROHUB_VERSION}})
        .Set(1);
    start_time_.SetToCurrentTime();
  }

  void refresh() {
    const hub::RosterCounts counts = parts_.hub.roster().counts();
    for (std::size_t role = 0; role < role_count; ++role)
      by_role_[role]->Set(static_cast<double>(counts.by_role[role]));
    http_connections_.Set(static_cast<double>(parts_.server.connections()));
    disk_free_.Set(static_cast<double>(parts_.board.disk_free_bytes()));
    ready_.Set(parts_.board.not_ready().empty() ? 1 : 0);
    log_dropped_.Set(static_cast<double>(log::dropped()));
    resident_.Set(resident_bytes());
    open_files_.Set(open_descriptors());
    cpu_.Set(cpu_seconds());
  }

 private:
  static double resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    unsigned long size = 0;
    unsigned long resident = 0;
    const int fields = std::fscanf(file, "%lu %lu", &size, &resident);
    std::fclose(file);
    return fields == 2 ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
  }

  static double open_descriptors() {
    std::error_code failure;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator entry("/proc/self/fd", failure), end; !failure && entry != end;
         entry.increment(failure))
      ++count;
    return static_cast<double>(count);
  }

  static double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  MetricsParts parts_;
  std::array<metrics::Gauge*, role_count> by_role_{};
  metrics::Gauge& http_connections_ =
      metrics::gauge("corohub_http_connections", "Open connections of the public listeners that speak HTTP.");
  metrics::Gauge& disk_free_ =
      metrics::gauge("corohub_disk_free_bytes", "Free space where the data directory is.");
  metrics::Gauge& ready_ = metrics::gauge("corohub_ready", "1 when /readyz says 200.");
  metrics::Gauge& log_dropped_ =
      metrics::gauge("corohub_log_lines_dropped", "Log lines lost because the log's queue was full.");
  metrics::Gauge& start_time_ =
      metrics::gauge("process_start_time_seconds", "Start of the process since 1970.");
  metrics::Gauge& resident_ = metrics::gauge("process_resident_memory_bytes", "Resident memory.");
  metrics::Gauge& open_files_ = metrics::gauge("process_open_fds", "Open file descriptors.");
  metrics::Gauge& cpu_ = metrics::gauge("process_cpu_seconds_total", "Processor time used.");
};

Task<http::Response> answer(Gauges& gauges) {
  gauges.refresh();
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics::text();
  co_return response;
}

}  // namespace

void add_metrics_route(http::Router& router, MetricsParts parts) {
  const auto gauges = std::make_shared<Gauges>(parts);
  router.add(http::Method::get, "/metrics", http::Access::guest,
             [gauges](http::Context&) { return answer(*gauges); });
}

}  // namespace corohub::server
