#include "core/log.hpp"

#include "core/clock.hpp"

#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <unistd.h>

namespace corohub::log {
namespace {

constexpr std::size_t field_bytes_max = 1024;
constexpr std::size_t queue_lines = 8192;

struct State {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
  Level level = Level::warn;
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

// Escapes as JSON does, in both formats: a line is a line whatever a field holds. U+2028 and U+2029 too.
void append_escaped(std::string& out, std::string_view text) {
  const bool cut = text.size() > field_bytes_max;
  if (cut) text = text.substr(0, field_bytes_max);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else if (byte == 0xe2 && i + 2 < text.size() && static_cast<unsigned char>(text[i + 1]) == 0x80 &&
               (static_cast<unsigned char>(text[i + 2]) | 1) == 0xa9) {
      out += static_cast<unsigned char>(text[i + 2]) == 0xa8 ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (byte >= 0x80) {
      // Kept when it is part of well-formed text; a stray byte must not break the line's encoding.
      const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
      bool whole = length != 0 && i + length <= text.size();
      for (std::size_t k = 1; whole && k < length; ++k)
        whole = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
      if (whole) {
        out.append(text, i, length);
        i += length - 1;
      } else {
        out += "\\ufffd";
      }
    } else {
      out += text[i];
    }
  }
  if (cut) out += "...";
}

void append_value(std::string& out, const Field& field, bool always_quoted) {
  if (field.is_number) {
    if (std::trunc(field.number) == field.number && std::abs(field.number) < 9e15)
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

std::string json_line(Level level, std::string_view event, Fields fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":"{}")",
                                 rfc3339(system_clock().unix_ms()), name(level), event);
  for (const Field& field : fields) {
    line += ",\"";
    append_escaped(line, field.name);
    line += "\":";
    append_value(line, field, true);
  }
  line += '}';
  return line;
}

std::string text_line(Level level, std::string_view event, Fields fields) {
  std::string line =
      fmt::format("{} {:5} {}", rfc3339(system_clock().unix_ms()).substr(11, 12), name(level), event);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.name);
    line += '=';
    append_value(line, field, false);
  }
  return line;
}

}  // namespace

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

bool enabled(Level level) noexcept { return level >= state().level; }

void write(Level level, std::string_view event, Fields fields) noexcept {
  if (!enabled(level)) return;
  try {
    const std::string line =
        state().as_json ? json_line(level, event, fields) : text_line(level, event, fields);
    if (state().logger)
      state().logger->info(line);
    else
      fmt::print(stderr, "{}\n", line);
  } catch (...) {  // a log line is never worth a failure
  }
}

std::uint64_t dropped() noexcept { return state().pool ? state().pool->overrun_counter() : 0; }

}  // namespace corohub::log
