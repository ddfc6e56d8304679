#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::mask {

enum class scheme { aes_siv, hmac_sha256, redact, partial, base64 };
inline constexpr std::array all_schemes{scheme::aes_siv, scheme::hmac_sha256, scheme::redact, scheme::partial,
                                        scheme::base64};

std::string_view to_string(scheme s) noexcept;
std::optional<scheme> scheme_from(std::string_view name) noexcept;
bool needs_key(scheme s) noexcept;
/// The fewest characters that a token can have, with a key id of one character: what a column must hold at
/// least.
std::size_t token_size_min(scheme s) noexcept;

}  // namespace sluice::mask
