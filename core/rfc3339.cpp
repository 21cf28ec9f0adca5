#include "core/rfc3339.hpp"

#include <chrono>

namespace corohub {
namespace {

// Takes a text apart from its beginning; what does not fit makes the whole no good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  bool good() const noexcept { return good_; }
  bool at_end() const noexcept { return rest_.empty(); }
  bool next_is(std::string_view characters) const noexcept {
    return !rest_.empty() && characters.find(rest_.front()) != std::string_view::npos;
  }
  // One of these.
  char one_of(std::string_view characters) noexcept {
    good_ = good_ && next_is(characters);
    if (!good_) return '\0';
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  // So many digits, up to this number.
  int number(int digits, int max) noexcept {
    int value = 0;
    for (; digits > 0; --digits) value = value * 10 + (one_of("0123456789") - '0');
    good_ = good_ && value <= max;
    return value;
  }
  // Digits of a second's fraction, at least one, cut to milliseconds.
  int milliseconds() noexcept {
    int value = 0;
    int weight = 100;
    do {
      value += weight * (one_of("0123456789") - '0');
      weight /= 10;
    } while (good_ && next_is("0123456789"));
    return value;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<UnixMs> parse_rfc3339(std::string_view text) noexcept {
  using namespace std::chrono;
  Scanner scan(text);
  const int year_number = scan.number(4, 9999);
  scan.one_of("-");
  const auto month_number = static_cast<unsigned>(scan.number(2, 12));
  scan.one_of("-");
  const auto day_number = static_cast<unsigned>(scan.number(2, 31));
  scan.one_of("Tt");
  const hours hour{scan.number(2, 23)};
  scan.one_of(":");
  const minutes minute{scan.number(2, 59)};
  scan.one_of(":");
  const seconds second{scan.number(2, 60)};  // a leap second is the first of the next minute
  milliseconds fraction{0};
  if (scan.next_is(".")) {
    scan.one_of(".");
    fraction = milliseconds(scan.milliseconds());
  }
  minutes offset{0};
  const char zone = scan.one_of("Zz+-");
  if (zone == '+' || zone == '-') {
    offset = hours(scan.number(2, 23));
    scan.one_of(":");
    offset += minutes(scan.number(2, 59));
  }
  const year_month_day date{year(year_number), month(month_number), day(day_number)};
  if (!scan.good() || !scan.at_end() || !date.ok()) return std::nullopt;
  const sys_time<milliseconds> local = sys_days(date) + hour + minute + second + fraction;
  return (zone == '-' ? local + offset : local - offset).time_since_epoch().count();
}

}  // namespace corohub
