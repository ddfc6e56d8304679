#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "record/plan.hpp"

namespace tests {

/// Thrown: why a value does not become a field.
struct refusal {
  std::string reason;
};

std::string big_endian(std::uint64_t value, std::size_t size);
/// Digits, with a minus or without; refused over 64 bits.
std::int64_t whole(const std::string& text);

// The bytes of a field, worked out slowly: by regular expressions, the C library and digits in strings.

/// Of a text, whether the body's or the map's.
std::string typed_field(const sluice::record::column& c, const std::string& text);
std::string integer_field(const sluice::record::column& c, std::int64_t value);
/// Of a JSON number.
std::string numeric_field(const sluice::record::column& c, const std::string& text);
std::string float_field(const sluice::record::column& c, const std::string& text);
/// As timestamptz, and as its UTC day.
std::string time_bytes(std::int64_t unix_us);
std::string day_bytes(std::int64_t unix_us);

}  // namespace tests
