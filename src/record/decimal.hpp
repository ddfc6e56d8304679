#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "record/reasons.hpp"

namespace sluice::record {

/// A number as it is written (RFC 8259, section 6), such as "-12.50e3": views of its digits.
struct decimal {
  bool negative = false;
  std::string_view whole;     ///< digits before the point
  std::string_view fraction;  ///< digits behind it; may be empty
  std::int64_t exponent = 0;  ///< at most 2^30 from zero: beyond, it makes no difference

  /// The digits, as one number, and where the point is in them.
  std::size_t size() const noexcept { return whole.size() + fraction.size(); }
  char digit(std::size_t i) const noexcept {
    return i < whole.size() ? whole[i] : fraction[i - whole.size()];
  }
  std::int64_t point() const noexcept { return static_cast<std::int64_t>(whole.size()) + exponent; }
};

/// Nothing when `text` is not exactly one JSON number.
std::optional<decimal> parse_decimal(std::string_view text) noexcept;

/// Times 10^power, rounded half away from zero. `out_of_range` over 64 bits.
checked<std::int64_t> scaled(const decimal& d, int power) noexcept;

/// At most this many bytes are written by `write_numeric_to`.
std::size_t numeric_size_max(const decimal& d) noexcept;
/// PostgreSQL's binary numeric (numeric_send: digits of base 10,000), all digits kept. Returns the end, or
/// null where numeric ends: 131,072 digits before the point, 16,383 behind it.
char* write_numeric_to(const decimal& d, char* out) noexcept;

/// Whether all its digits are zeros.
bool is_zero(const decimal& d) noexcept;
/// How many digits stand before the point, leading zeros not counted.
std::int64_t whole_digits(const decimal& d) noexcept;

}  // namespace sluice::record
