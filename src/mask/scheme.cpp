#include "mask/scheme.hpp"

namespace sluice::mask {

std::string_view to_string(scheme s) noexcept {
  switch (s) {
    case scheme::aes_siv: return "aes_siv";
    case scheme::hmac_sha256: return "hmac_sha256";
    case scheme::redact: return "redact";
    case scheme::partial: return "partial";
    case scheme::base64: return "base64";
  }
  return "unknown";
}

std::optional<scheme> scheme_from(std::string_view name) noexcept {
  for (const scheme s :
       {scheme::aes_siv, scheme::hmac_sha256, scheme::redact, scheme::partial, scheme::base64}) {
    if (to_string(s) == name) return s;
  }
  return std::nullopt;
}

bool needs_key(scheme s) noexcept {
  return s == scheme::aes_siv || s == scheme::hmac_sha256;
}

}  // namespace sluice::mask
