#include "record/decimal.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::record {
namespace {

constexpr std::int64_t exponent_limit = std::int64_t{1} << 30U;
constexpr std::int64_t base_digits = 4;  ///< of a digit of numeric
constexpr std::int64_t weight_max = 32'767;
constexpr std::int64_t scale_max = 16'383;
constexpr std::size_t header_bytes = 8;

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& rest) noexcept {
  const auto end = std::ranges::find_if_not(rest, is_digit) - rest.begin();
  const std::string_view digits = rest.substr(0, static_cast<std::size_t>(end));
  rest.remove_prefix(digits.size());
  return digits;
}

/// The first and the last digit that is not zero; `first` is the size when all are.
struct significant {
  std::size_t first = 0, last = 0;
  explicit significant(const decimal& d) noexcept {
    while (first < d.size() && d.digit(first) == '0') ++first;
    last = d.size();
    while (last > first && d.digit(last - 1) == '0') --last;
  }
  bool none() const noexcept { return first == last; }
};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

char* store(char* at, std::int64_t value) noexcept {
  const auto bits = static_cast<std::uint16_t>(value);
  *at++ = static_cast<char>(bits >> 8U);
  *at++ = static_cast<char>(bits & 0xFFU);
  return at;
}

}  // namespace

std::optional<decimal> parse_decimal(std::string_view text) noexcept {
  decimal d;
  if (text.starts_with('-')) {
    d.negative = true;
    text.remove_prefix(1);
  }
  d.whole = take_digits(text);
  if (d.whole.empty() || (d.whole.size() > 1 && d.whole.front() == '0')) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    d.fraction = take_digits(text);
    if (d.fraction.empty()) return std::nullopt;
  }
  if (text.empty()) return d;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), d.exponent);
  if (read.ec != std::errc() || d.exponent > exponent_limit) d.exponent = exponent_limit;
  if (minus) d.exponent = -d.exponent;
  return d;
}

checked<std::int64_t> scaled(const decimal& d, int power) noexcept {
  const significant s(d);
  if (s.none()) return 0;
  const std::int64_t end = d.point() + power;  // how many digits the result has, leading zeros too
  if (end - static_cast<std::int64_t>(s.first) > 19) return reasons::out_of_range;
  std::int64_t value = 0;
  const auto add = [&](int digit) {
    return !__builtin_mul_overflow(value, 10, &value) && !__builtin_sub_overflow(value, digit, &value);
  };
  // Downwards, as the least number has no positive counterpart.
  for (auto i = static_cast<std::int64_t>(s.first); i < end; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (!add(at < d.size() ? d.digit(at) - '0' : 0)) return reasons::out_of_range;
  }
  const bool round_up =
      end >= 0 && end < static_cast<std::int64_t>(d.size()) && d.digit(static_cast<std::size_t>(end)) >= '5';
  if (round_up && __builtin_sub_overflow(value, 1, &value)) return reasons::out_of_range;
  if (!d.negative && __builtin_sub_overflow(0, value, &value)) return reasons::out_of_range;
  return value;
}

std::size_t numeric_size_max(const decimal& d) noexcept {
  return header_bytes + 2 * (d.size() / static_cast<std::size_t>(base_digits) + 2);
}

char* write_numeric_to(const decimal& d, char* out) noexcept {
  const std::int64_t scale =
      std::max<std::int64_t>(0, static_cast<std::int64_t>(d.fraction.size()) - d.exponent);
  if (scale > scale_max || d.exponent == exponent_limit) return nullptr;
  const significant s(d);
  if (s.none()) {
    for (const std::int64_t part : {std::int64_t{0}, std::int64_t{0}, std::int64_t{0}, scale})
      out = store(out, part);
    return out;
  }
  // The first digit stands for 10^highest; its group begins with `padding` zeros.
  const std::int64_t highest = d.point() - 1 - static_cast<std::int64_t>(s.first);
  const std::int64_t weight = floor_divide(highest, base_digits);
  if (weight > weight_max) return nullptr;
  const std::int64_t padding = base_digits - 1 - (highest - weight * base_digits);
  const std::int64_t digits = padding + static_cast<std::int64_t>(s.last - s.first);
  const std::int64_t groups = (digits + base_digits - 1) / base_digits;

  out = store(out, groups);
  out = store(out, weight);
  out = store(out, d.negative ? 0x4000 : 0);
  out = store(out, scale);
  std::int64_t group = 0;
  for (std::int64_t i = 0; i < groups * base_digits; ++i) {
    const std::int64_t at = i - padding + static_cast<std::int64_t>(s.first);
    const bool written = i >= padding && at < static_cast<std::int64_t>(s.last);
    group = group * 10 + (written ? d.digit(static_cast<std::size_t>(at)) - '0' : 0);
    if (i % base_digits == base_digits - 1) {
      out = store(out, group);
      group = 0;
    }
  }
  return out;
}

bool is_zero(const decimal& d) noexcept {
  return significant(d).none();
}

std::int64_t whole_digits(const decimal& d) noexcept {
  const significant s(d);
  return s.none() ? 0 : std::max<std::int64_t>(0, d.point() - static_cast<std::int64_t>(s.first));
}

}  // namespace sluice::record
