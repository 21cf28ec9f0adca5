#include "core/log.hpp"

#include "core/clock.hpp"
#include "core/line_writer.hpp"
#include "core/printable.hpp"

#include <atomic>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

namespace corohub::log {
namespace {

constexpr std::size_t field_bytes_max = 1024;
constexpr std::size_t queue_lines = 8192;
constexpr std::chrono::milliseconds last_lines_max{2000};  // for a reader that is slow or gone

struct State {
  std::unique_ptr<LineWriter> lines;
  std::atomic<Level> level{Level::warn};
  bool as_json = false;
};

// Never destroyed: a thread that has not ended may write its line at any moment.
State& state() {
  static State& instance = *new State;
  return instance;
}

std::string_view name(Level level) noexcept {
  switch (level) {
    case Level::trace:
      return "trace";
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

// In both formats a line stays one line, whatever a field holds.
void append_escaped(std::string& out, std::string_view text) {
  append_printable_quoted(out, text.substr(0, field_bytes_max));
  if (text.size() > field_bytes_max) out += "...";
}

void append_value(std::string& out, const Field& field, bool always_quoted) {
  if (field.is_number) {
    if (!std::isfinite(field.number))
      out += "null";
    else if (std::trunc(field.number) == field.number && std::abs(field.number) < 9e15)
      fmt::format_to(std::back_inserter(out), "{}", static_cast<std::int64_t>(field.number));
    else
      fmt::format_to(std::back_inserter(out), "{:.6g}", field.number);
    return;
  }
  const bool plain = field.bare || (!always_quoted && !field.text.empty() &&
                                    field.text.find_first_of(" \"=\\") == std::string_view::npos);
  if (!plain) out += '"';
  append_escaped(out, field.text);
  if (!plain) out += '"';
}

std::string json_line(UnixMs time, Level level, std::string_view event, Fields fields) {
  std::string line =
      fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", rfc3339(time), name(level), event);
  for (const Field& field : fields) {
    line += ",\"";
    append_escaped(line, field.name);
    line += "\":";
    append_value(line, field, true);
  }
  line += '}';
  return line;
}

std::string text_line(UnixMs time, Level level, std::string_view event, Fields fields) {
  std::string line = fmt::format("{} {:5} {}", rfc3339(time).substr(11, 12), name(level), event);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.name);
    line += '=';
    append_value(line, field, false);
  }
  return line;
}

}  // namespace

std::string format_line(Options::Format format, UnixMs time, Level level, std::string_view event,
                        Fields fields) {
  return format == Options::Format::json ? json_line(time, level, event, fields)
                                         : text_line(time, level, event, fields);
}

void start(const Options& options) {
  State& current = state();
  current.level = options.level;
  current.as_json = options.format == Options::Format::json ||
                    (options.format == Options::Format::automatic && ::isatty(STDERR_FILENO) == 0);
  current.lines = std::make_unique<LineWriter>(STDERR_FILENO, queue_lines);
}

void stop() noexcept {
  if (state().lines) state().lines->stop(last_lines_max);
}

void set_level(Level level) noexcept { state().level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) noexcept { return level >= state().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, Fields fields) noexcept {
  if (!enabled(level)) return;
  try {
    const Options::Format format = state().as_json ? Options::Format::json : Options::Format::text;
    std::string line = format_line(format, system_clock().unix_ms(), level, event, fields);
    if (state().lines)
      state().lines->write(std::move(line));
    else
      fmt::print(stderr, "{}\n", line);
  } catch (...) {  // a log line is never worth a failure
  }
}

void last_words(std::string_view event, Fields fields) noexcept {
  try {
    const Options::Format format = state().as_json ? Options::Format::json : Options::Format::text;
    const std::string line =
        format_line(format, system_clock().unix_ms(), Level::error, event, fields) + "\n";
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&out, 1, 0) == 1 && ::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
  } catch (...) {  // the process ends all the same
  }
}

std::uint64_t dropped() noexcept { return state().lines ? state().lines->dropped() : 0; }

}  // namespace corohub::log
