#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::mask {

enum class scheme { aes_siv, hmac_sha256, ipcrypt_deterministic, ipcrypt_pfx, redact, partial, base64 };
inline constexpr std::array all_schemes{
    scheme::aes_siv, scheme::hmac_sha256, scheme::ipcrypt_deterministic, scheme::ipcrypt_pfx, scheme::redact,
    scheme::partial, scheme::base64};

std::string_view to_string(scheme s) noexcept;
std::optional<scheme> scheme_from(std::string_view name) noexcept;
bool needs_key(scheme s) noexcept;
/// Whether a token says under which key it was made: `<key id>.<base64url>`. An address cannot.
bool names_its_key(scheme s) noexcept;
/// Takes addresses and gives addresses: ipcrypt.
bool gives_addresses(scheme s) noexcept;
/// Whether the key, or anybody, can get the value back.
bool is_reversible(scheme s) noexcept;
/// What a column must hold at least: the fewest characters that a token can have, with a key id of one
/// character; for an address, any.
std::size_t token_size_min(scheme s) noexcept;

}  // namespace sluice::mask
