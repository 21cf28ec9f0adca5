#include "core/clock.hpp"

#include <fmt/format.h>

namespace corohub {
namespace {

class SystemClock final : public Clock {
 public:
  UnixMs unix_ms() const noexcept override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  SteadyTime steady() const noexcept override { return std::chrono::steady_clock::now(); }
};

// With leading zeros.
void append_digits(std::string& out, unsigned number, std::size_t count) {
  out.append(count, '0');
  for (char* digit = out.data() + out.size(); count > 0; --count, number /= 10)
    *--digit = static_cast<char>('0' + number % 10);
}

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

std::string rfc3339(UnixMs time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

// Digit by digit, for speed: a time stands in every answer of /health and several times in an account.
void append_rfc3339(std::string& out, UnixMs time) {
  const std::chrono::sys_time<std::chrono::milliseconds> point{std::chrono::milliseconds(time)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) {
    out += fmt::format("{:04}", year);
  } else {
    append_digits(out, static_cast<unsigned>(year), 4);
  }
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out += '.';
  append_digits(out, static_cast<unsigned>(clock.subseconds().count()), 3);
  out += 'Z';
}

}  // namespace corohub
