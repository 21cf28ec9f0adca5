#include "core/log.hpp"

#include "core/clock.hpp"
#include "core/encoding.hpp"

#include <atomic>
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <poll.h>
#include <unistd.h>

namespace corohub::log {
namespace {

constexpr std::size_t field_bytes_max = 1024;
constexpr std::size_t queue_lines = 8192;

struct State {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<Level> level{Level::warn};
  bool as_json = false;
};

State& state() {
  static State instance;
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

// Bytes of the character that starts at `text`, as its lead byte promises.
std::size_t character_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

// Besides ASCII's: U+0080 to U+009F, which terminals obey too, and the line ends U+2028 and U+2029.
bool is_control(std::string_view character) noexcept {
  const auto byte = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return byte < 0x20 || byte == 0x7f;
  if (character.size() == 2) return byte == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return character == "\u2028" || character == "\u2029";
}

void append_code(std::string& out, std::string_view character) {
  const auto at = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(character[i]));
  };
  const unsigned code = character.size() == 1   ? at(0)
                        : character.size() == 2 ? (at(0) & 0x1f) << 6 | (at(1) & 0x3f)
                                                : (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
}

// Escapes as JSON does, in both formats: a line is a line whatever a field holds. What is not UTF-8 must not
// break the line's encoding.
void append_escaped(std::string& out, std::string_view text) {
  const bool cut = text.size() > field_bytes_max;
  if (cut) text = text.substr(0, field_bytes_max);
  while (!text.empty()) {
    std::string_view character = text.substr(0, character_length(static_cast<unsigned char>(text[0])));
    const bool broken = !is_utf8(character);
    if (broken) character = text.substr(0, 1);
    if (broken)
      out += "\\ufffd";
    else if (is_control(character))
      append_code(out, character);
    else {
      if (character == "\"" || character == "\\") out += '\\';
      out += character;
    }
    text.remove_prefix(character.size());
  }
  if (cut) out += "...";
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
  current.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  current.logger = std::make_shared<spdlog::async_logger>("corohub", std::move(sink), current.pool,
                                                          spdlog::async_overflow_policy::overrun_oldest);
  current.logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  current.logger->set_level(spdlog::level::trace);
  current.logger->flush_on(spdlog::level::trace);
}

void stop() noexcept {
  state().logger.reset();
  state().pool.reset();  // joins its thread, which writes what is queued first
}

void set_level(Level level) noexcept { state().level.store(level, std::memory_order_relaxed); }

bool enabled(Level level) noexcept { return level >= state().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, Fields fields) noexcept {
  if (!enabled(level)) return;
  try {
    const Options::Format format = state().as_json ? Options::Format::json : Options::Format::text;
    const std::string line = format_line(format, system_clock().unix_ms(), level, event, fields);
    if (state().logger)
      state().logger->info(line);
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
  } catch (...) {  // the end comes all the same
  }
}

std::uint64_t dropped() noexcept { return state().pool ? state().pool->overrun_counter() : 0; }

}  // namespace corohub::log
