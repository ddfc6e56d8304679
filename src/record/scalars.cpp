#include "record/scalars.hpp"

#include <arpa/inet.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "core/encoding.hpp"

namespace sluice::record {
namespace {

using namespace std::chrono;

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t first_ms = sys_days(year(1) / January / 1).time_since_epoch().count() * day_ms;
constexpr std::int64_t end_ms = sys_days(year(10'000) / January / 1).time_since_epoch().count() * day_ms;

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Takes what it is asked for off the front of a text.
class cursor {
 public:
  explicit cursor(std::string_view text) noexcept : rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }
  bool take(std::string_view one_of) noexcept {
    if (rest_.empty() || one_of.find(rest_.front()) == one_of.npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  char taken() const noexcept { return taken_; }
  /// Exactly `count` digits.
  std::optional<int> number(std::size_t count) noexcept {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (!is_digit(c)) return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  std::string_view digits() noexcept {
    const auto end = std::ranges::find_if_not(rest_, is_digit);
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }

 private:
  std::string_view rest_;
  char taken_ = '\0';
};

std::optional<year_month_day> take_date(cursor& in) noexcept {
  const auto y = in.number(4);
  if (!y || !in.take("-")) return std::nullopt;
  const auto m = in.number(2);
  if (!m || !in.take("-")) return std::nullopt;
  const auto d = in.number(2);
  if (!d) return std::nullopt;
  return year_month_day(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
}

bool in_calendar(const year_month_day& date) noexcept {
  return date.ok() && date.year() > year(0);
}

struct clock_time {
  int hour;
  int minute;
  int second;
  microseconds fraction{0};

  bool exists() const noexcept { return hour <= 23 && minute <= 59 && second <= 60; }
  bool is_leap_second() const noexcept { return second == 60; }
  microseconds since_midnight() const noexcept {
    return hours(hour) + minutes(minute) + seconds(second) + fraction;
  }
};

std::optional<clock_time> take_time(cursor& in) noexcept {
  const auto h = in.number(2);
  if (!h || !in.take(":")) return std::nullopt;
  const auto m = in.number(2);
  if (!m || !in.take(":")) return std::nullopt;
  const auto s = in.number(2);
  if (!s) return std::nullopt;
  clock_time time{.hour = *h, .minute = *m, .second = *s};
  if (in.take(".")) {
    const std::string_view digits = in.digits();
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    std::int64_t ns = 0;
    for (std::size_t i = 0; i < 9; ++i) ns = ns * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    // PostgreSQL's own way (ParseFractionalSecond): the double nearest to the text, then the nearest
    // microsecond.
    time.fraction = microseconds(std::llrint(static_cast<double>(ns) / 1e9 * 1e6));
  }
  return time;
}

struct utc_offset {
  int sign = 1;
  int hour = 0;
  int minute = 0;

  bool exists() const noexcept { return hour <= 15 && minute <= 59; }  // PostgreSQL's limit
  minutes east() const noexcept { return minutes(sign * (hour * 60 + minute)); }
};

std::optional<utc_offset> take_offset(cursor& in) noexcept {
  if (in.take("Zz")) return utc_offset();
  if (!in.take("+-")) return std::nullopt;
  const int sign = in.taken() == '-' ? -1 : 1;
  const auto h = in.number(2);
  if (!h) return std::nullopt;
  std::optional<int> m = 0;
  if (in.take(":") || !in.at_end()) m = in.number(2);
  if (!m) return std::nullopt;
  return utc_offset{.sign = sign, .hour = *h, .minute = *m};
}

/// Decimal digits only; `out_of_range` over 64 bits.
checked<std::int64_t> whole(std::string_view digits) noexcept {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) return reasons::out_of_range;
  if (error != std::errc()) return reasons::bad_version;
  return value;
}

checked<std::int64_t> packed(std::string_view text) noexcept {
  constexpr std::int64_t part_max = 999;
  std::int64_t value = 0;
  std::int64_t unit = 1'000'000;
  std::int64_t part = 0;
  bool has_digits = false;  // this part
  for (const char c : text) {
    if (c != '.') {
      has_digits = true;
      part = part * 10 + (c - '0');
      if (part > part_max) return reasons::out_of_range;
      continue;
    }
    if (!has_digits || unit == 1) return reasons::bad_version;
    value += part * unit;
    unit /= 1'000;
    part = 0;
    has_digits = false;
  }
  if (!has_digits) return reasons::bad_version;
  return value + part * unit;
}

checked<std::int64_t> joined_digits(std::string_view text) noexcept {
  std::int64_t value = 0;
  for (const char c : text) {
    if (c == '.') continue;
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value)) {
      return reasons::out_of_range;
    }
  }
  return value;
}

}  // namespace

// The form is judged first, whole: what has another form is no date that is out of range.

checked<std::int32_t> parse_date(std::string_view text) noexcept {
  cursor in(text);
  const auto date = take_date(in);
  if (!date || !in.at_end()) return reasons::bad_format;
  if (!in_calendar(*date)) return reasons::out_of_range;
  return sys_days(*date).time_since_epoch().count();
}

checked<std::int64_t> parse_timestamp(std::string_view text, bool assume_utc) noexcept {
  cursor in(text);
  const auto date = take_date(in);
  if (!date || !in.take("Tt ")) return reasons::bad_format;
  const auto time = take_time(in);
  if (!time) return reasons::bad_format;
  const auto offset = assume_utc && in.at_end() ? utc_offset() : take_offset(in);
  if (!offset || !in.at_end()) return reasons::bad_format;
  if (!in_calendar(*date) || !time->exists() || !offset->exists()) return reasons::out_of_range;
  const sys_time<microseconds> at = sys_days(*date) + time->since_midnight() - offset->east();
  // The 61st second of a day in UTC: what is left of the day when its fraction is taken away is none.
  if (time->is_leap_second() && floor<days>(at) != at - time->fraction) return reasons::out_of_range;
  const std::int64_t us = at.time_since_epoch().count();
  if (!in_calendar(us)) return reasons::out_of_range;
  return us;
}

bool in_calendar(std::int64_t unix_us) noexcept {
  return unix_us >= first_ms * 1'000 && unix_us < end_ms * 1'000;
}

std::int32_t day_of(std::int64_t unix_us) noexcept {
  return static_cast<std::int32_t>(floor<days>(microseconds(unix_us)).count());
}

checked<std::int64_t> timestamp_from(std::int64_t unix_ms) noexcept {
  if (unix_ms < first_ms || unix_ms >= end_ms) return reasons::out_of_range;
  return unix_ms * 1'000;
}

checked<std::int32_t> date_from(std::int64_t unix_ms) noexcept {
  if (unix_ms < first_ms || unix_ms >= end_ms) return reasons::out_of_range;
  return static_cast<std::int32_t>(floor<days>(milliseconds(unix_ms)).count());
}

checked<std::int64_t> version_number(transform how, std::string_view text) noexcept {
  bool has_digits = false;
  for (const char c : text) {
    if (!is_digit(c) && c != '.') return reasons::bad_version;
    has_digits = has_digits || c != '.';
  }
  if (!has_digits) return reasons::bad_version;
  if (how == transform::version_packed) return packed(text);
  if (how == transform::version_digits) return joined_digits(text);
  return whole(text.substr(0, text.find('.')));
}

checked<std::int64_t> parse_whole(std::string_view text) noexcept {
  std::int64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [at, error] = std::from_chars(begin, end, value);
  if (at != end || error == std::errc::invalid_argument) return reasons::bad_format;
  if (error != std::errc()) return reasons::out_of_range;
  return value;
}

reason percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i] == '+' ? ' ' : text[i];
    if (c == '%') {
      if (text.size() - i < 3 || unhex_to(text.substr(i + 1, 2), &c) == nullptr) return reasons::bad_format;
      i += 2;
    }
    out.push_back(c);
  }
  return simdjson::validate_utf8(out) ? reasons::none : reasons::bad_format;
}

std::optional<ip_network> parse_inet(std::string_view text) noexcept {
  const auto slash = std::min(text.find('/'), text.size());
  std::array<char, INET6_ADDRSTRLEN> address{};
  if (slash >= address.size() || text.find('\0') != text.npos) return std::nullopt;
  std::ranges::copy(text.substr(0, slash), address.begin());
  ip_network n;
  n.bytes = text.substr(0, slash).find(':') == text.npos ? 4 : 16;
  if (inet_pton(n.bytes == 4 ? AF_INET : AF_INET6, address.data(), n.address.data()) != 1)
    return std::nullopt;
  n.prefix_bits = static_cast<std::uint8_t>(n.bytes * 8);
  if (slash == text.size()) return n;

  const std::string_view prefix = text.substr(slash + 1);
  if (prefix.empty() || !std::ranges::all_of(prefix, is_digit) ||
      (prefix.size() > 1 && prefix.front() == '0')) {
    return std::nullopt;
  }
  const auto bits = parse_whole(prefix);
  if (!bits || *bits > n.prefix_bits) return std::nullopt;
  n.prefix_bits = static_cast<std::uint8_t>(*bits);
  return n;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool longer_than(std::string_view text, std::size_t characters) noexcept {
  return text.size() > characters && characters_in(text) > characters;
}

}  // namespace sluice::record
