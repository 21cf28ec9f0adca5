// The load generator: connects, drives events, and prints one line of JSON about what arrived and what it
// cost.
#include "bench/load.hpp"
#include "bench/options.hpp"
#include "bench/process.hpp"
#include "bench/wire.hpp"

#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

namespace corohub::bench {
namespace {

// {"name":number,…}
class Report {
 public:
  void add(const char* name, double value) {
    std::cout << (first_ ? '{' : ',') << '"' << name << "\":" << std::setprecision(9) << value;
    first_ = false;
  }
  void end() { std::cout << "}\n"; }

 private:
  bool first_ = true;
};

double per(double value, double count) { return count > 0 ? value / count : 0; }

void report_connecting(Load& load, const Options& options, Report& report) {
  const Memory before = memory_of(options.process);
  const std::int64_t own = own_cpu_ns();
  const std::int64_t cpu = cpu_ns(options.process);
  const std::int64_t begin = now_ns();
  load.connect_clients();
  const auto clients = static_cast<double>(options.clients);
  report.add("clients", clients);
  const double connect_seconds = static_cast<double>(now_ns() - begin) / 1e9;
  report.add("connect_seconds", connect_seconds);
  report.add("connect_own_cores", static_cast<double>(own_cpu_ns() - own) / 1e9 / connect_seconds);
  std::cerr << "corohub_bench: ready" << std::endl;
  load.wait(options.settle_seconds);
  report.add("accept_cpu_us", per(static_cast<double>(cpu_ns(options.process) - cpu) / 1e3, clients));
  const Memory after = memory_of(options.process);
  report.add("pss_before", static_cast<double>(before.all()));
  report.add("pss_per_client", per(static_cast<double>(after.all() - before.all()), clients));
  report.add("heap_per_client", per(static_cast<double>(after.heap - before.heap), clients));
  report.add("anonymous_per_client", per(static_cast<double>(after.anonymous - before.anonymous), clients));
}

void report_idle(Load& load, const Options& options, Report& report) {
  const std::int64_t cpu = cpu_ns(options.process);
  const std::int64_t begin = now_ns();
  load.wait(options.idle_seconds);
  const double idle_ns = static_cast<double>(now_ns() - begin);
  report.add("idle_cpu_percent", 100 * static_cast<double>(cpu_ns(options.process) - cpu) / idle_ns);
}

void report_driving(Load& load, const Options& options, Report& report) {
  load.connect_senders();
  load.calibrate();
  load.run();
  const Measured& measured = load.measured();
  const auto deliveries = static_cast<double>(measured.deliveries);
  const double expected = static_cast<double>(measured.events) *
                          static_cast<double>(options.receivers == 0 ? 1 : options.receivers);
  report.add("seconds", measured.seconds);
  report.add("events", static_cast<double>(measured.events));
  report.add("events_per_second", per(static_cast<double>(measured.complete), measured.seconds));
  report.add("deliveries", deliveries);
  report.add("missing", expected - deliveries);
  report.add("refusals", static_cast<double>(load.refusals()));
  report.add("unavailable", static_cast<double>(load.unavailable()));
  report.add("bytes_per_delivery", per(static_cast<double>(measured.bytes), deliveries));
  report.add("deliveries_per_read", per(deliveries, static_cast<double>(measured.reads)));
  report.add("cpu_us", per(static_cast<double>(measured.cpu) / 1e3, deliveries));
  report.add("user_us", per(static_cast<double>(measured.user) / 1e3, deliveries));
  report.add("server_cores", static_cast<double>(measured.cpu) / 1e9 / measured.seconds);
  report.add("own_cores", static_cast<double>(measured.own_cpu) / 1e9 / measured.seconds);
  const std::int64_t foreign = measured.machine - measured.cpu - measured.own_cpu;
  report.add("foreign_cores", static_cast<double>(foreign) / 1e9 / measured.seconds);
  report.add("p50_ms", measured.receipt.percentile_ms(0.5));
  report.add("p99_ms", measured.receipt.percentile_ms(0.99));
  report.add("max_ms", measured.receipt.max_ms());
  report.add("last_p50_ms", measured.last.percentile_ms(0.5));
  report.add("last_p99_ms", measured.last.percentile_ms(0.99));
  report.add("last_max_ms", measured.last.max_ms());
  report.add("late_p99_ms", measured.lateness.percentile_ms(0.99));
}

// Of a companion that drives nothing.
void report_presence(Load& load, Report& report) {
  const std::int64_t own = own_cpu_ns();
  const std::int64_t begin = now_ns();
  load.wait(until_input_ends_max);
  report.add("own_cores", static_cast<double>(own_cpu_ns() - own) / static_cast<double>(now_ns() - begin));
}

int run(const Options& options) {
  raise_open_files();
  Load load(options);
  if (options.until_input_ends) load.end_with_input();
  Report report;
  report_connecting(load, options, report);
  if (options.idle_seconds > 0) report_idle(load, options, report);
  if (options.drive != Drive::none) {
    report_driving(load, options, report);
  } else if (options.until_input_ends) {
    report_presence(load, report);
  }
  report.add("closed", static_cast<double>(options.clients - load.open_clients()));
  report.add("reconnected", static_cast<double>(load.reconnected()));
  report.end();
  return 0;
}

}  // namespace
}  // namespace corohub::bench

int main(int argc, char** argv) {
  using namespace corohub::bench;
  return run(parse_options({argv + 1, argv + argc}));
}
