#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/plan.hpp"
#include "record/reasons.hpp"

namespace sluice::record {

/// YYYY-MM-DD (ISO 8601), years 0001 to 9999, as days since 1970-01-01. `bad_format`, or `out_of_range` for a
/// day that the calendar does not have.
checked<std::int32_t> parse_date(std::string_view text) noexcept;

/// YYYY-MM-DD, then T or a blank, HH:MM:SS, up to 9 digits of a second, and Z or an offset (+HH, +HHMM,
/// +HH:MM), as microseconds since 1970-01-01 00:00 UTC, rounded. A leap second (23:59:60 UTC) is the second
/// after it, as in PostgreSQL. Without an offset: UTC if `assume_utc`, else `bad_format`, for a local time
/// would be a guess.
checked<std::int64_t> parse_timestamp(std::string_view text, bool assume_utc = false) noexcept;

/// Milliseconds since 1970-01-01, UTC, as microseconds or as the day. `out_of_range` beyond the years 0001 to
/// 9999.
checked<std::int64_t> timestamp_from(std::int64_t unix_ms) noexcept;
checked<std::int32_t> date_from(std::int64_t unix_ms) noexcept;
/// The UTC day of a timestamp within these years, in microseconds.
std::int32_t day_of(std::int64_t unix_us) noexcept;
bool in_calendar(std::int64_t unix_us) noexcept;  ///< whether it is within them

/// A dotted version, such as "7.2.11", as one number; `how` is one of the version transforms. `bad_version`
/// for what is not digits and dots.
checked<std::int64_t> version_number(transform how, std::string_view text) noexcept;

/// Digits, with a minus or without; `out_of_range` over 64 bits, `bad_format` for anything else.
checked<std::int64_t> parse_whole(std::string_view text) noexcept;

/// As in a URL's query: %20 and + are blanks. `bad_format` when a % is not followed by two hex digits, or
/// when the result is not UTF-8. Replaces `out`, and keeps its memory.
reason percent_decode(std::string_view text, std::string& out);

/// Four numbers from 0 to 255, or RFC 4291's text of an IPv6 address; then, perhaps, a slash and the length
/// of a prefix.
struct ip_network {
  std::array<std::byte, 16> address{};
  std::uint8_t bytes = 0;  ///< of the address: 4 or 16
  std::uint8_t prefix_bits = 0;
};
std::optional<ip_network> parse_inet(std::string_view text) noexcept;

std::string_view trimmed(std::string_view text) noexcept;

/// Whether `text` (valid UTF-8) has more than that many characters.
bool longer_than(std::string_view text, std::size_t characters) noexcept;

}  // namespace sluice::record
