#pragma once

#include <cstdint>
#include <string_view>

#include "record/plan.hpp"
#include "record/reasons.hpp"

namespace sluice::record {

/// YYYY-MM-DD (ISO 8601), years 0001 to 9999, as days since 1970-01-01. `bad_format`, or `out_of_range` for a
/// day that the calendar does not have.
checked<std::int32_t> parse_date(std::string_view text) noexcept;

/// YYYY-MM-DD, then T or a blank, HH:MM:SS, up to 9 digits of a second, and Z or an offset (+HH, +HHMM,
/// +HH:MM), as microseconds since 1970-01-01 00:00 UTC, rounded. `bad_format` without an offset: a local time
/// would be a guess.
checked<std::int64_t> parse_timestamp(std::string_view text) noexcept;

/// Milliseconds since 1970-01-01, UTC, as microseconds or as the day. `out_of_range` beyond the years 0001 to
/// 9999.
checked<std::int64_t> timestamp_from(std::int64_t unix_ms) noexcept;
checked<std::int32_t> date_from(std::int64_t unix_ms) noexcept;

/// A dotted version, such as "7.2.11", as one number; `how` is one of the version transforms. `bad_version`
/// for what is not digits and dots.
checked<std::int64_t> version_number(transform how, std::string_view text) noexcept;

std::string_view trimmed(std::string_view text) noexcept;

/// Whether `text` (valid UTF-8) has more than that many characters.
bool longer_than(std::string_view text, std::size_t characters) noexcept;

}  // namespace sluice::record
