// The log: one event per line, a stable name first, then fields. Readable text on a terminal, JSON lines
// elsewhere. Never blocks: the lines go through a bounded queue that drops and counts when it is full. Safe
// from any thread. Fields are escaped and cut at 1 KiB; a Secret is no field and so cannot be logged.
#pragma once

#include "core/clock.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace corohub::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error };

struct Field {
  Field(std::string_view field_name, std::string_view value) : name(field_name), text(value) {}
  Field(std::string_view field_name, const char* value) : name(field_name), text(value) {}
  Field(std::string_view field_name, bool value)
      : name(field_name), text(value ? "true" : "false"), bare(true) {}
  template <class Number>
    requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>)
  Field(std::string_view field_name, Number value)
      : name(field_name), number(static_cast<double>(value)), is_number(true) {}

  std::string_view name;
  std::string_view text;
  double number = 0;
  bool is_number = false;
  bool bare = false;  // text that needs no quotes
};

using Fields = std::initializer_list<Field>;

struct Options {
  Level level = Level::info;
  enum class Format : std::uint8_t { automatic, text, json } format = Format::automatic;
};

// Call once before other threads exist; without it, lines of warn and above go to standard error as text.
void start(const Options& options);
// Writes what is queued. Call last.
void stop() noexcept;

// Changes the least important level that is logged. Any thread.
void set_level(Level level) noexcept;
bool enabled(Level level) noexcept;
void write(Level level, std::string_view event, Fields fields = {}) noexcept;

inline void debug(std::string_view event, Fields fields = {}) noexcept { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) noexcept { write(Level::info, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) noexcept { write(Level::warn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) noexcept { write(Level::error, event, fields); }

// For a process that ends without stop(): writes the line straight to standard error, past the queue, unless
// nobody reads there. Any thread.
void last_words(std::string_view event, Fields fields) noexcept;

// The line that write() prints, without its end. Whatever the fields hold, it is one line of UTF-8 without
// control characters, and with Format::json an object.
std::string format_line(Options::Format format, UnixMs time, Level level, std::string_view event,
                        Fields fields);

// Lines lost because the queue was full.
std::uint64_t dropped() noexcept;

}  // namespace corohub::log
