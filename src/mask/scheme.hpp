#pragma once

#include <optional>
#include <string_view>

namespace sluice::mask {

enum class scheme { aes_siv, hmac_sha256, redact, partial, base64 };

std::string_view to_string(scheme s) noexcept;
std::optional<scheme> scheme_from(std::string_view name) noexcept;
bool needs_key(scheme s) noexcept;

}  // namespace sluice::mask
