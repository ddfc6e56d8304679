#pragma once

#include <array>
#include <span>
#include <string_view>

namespace sluice::sqs {

/// MD5 in lower-case hex, as SQS gives it with each body.
using md5_hex = std::array<char, 32>;

/// Which vectors `md5_each` uses: those of this processor, or those that every one has (for tests).
enum class vectors { native, baseline };

/// The MD5 (RFC 1321) of each text, into the place of the same number: at a message of 200 bytes it is as
/// much work as all of its JSON, and one text alone cannot use a processor's vectors, as each step of MD5
/// waits for the one before. Sixteen texts go side by side here. Against damage on the way, not for security.
/// Pure; allocates nothing.
void md5_each(std::span<const std::string_view> texts, std::span<md5_hex> digests,
              vectors use = vectors::native) noexcept;

}  // namespace sluice::sqs
