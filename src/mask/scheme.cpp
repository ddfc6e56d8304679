#include "mask/scheme.hpp"

#include "core/encoding.hpp"
#include "mask/aes_siv.hpp"
#include "mask/hmac_sha256.hpp"
#include "mask/ipcrypt.hpp"

namespace sluice::mask {

std::string_view to_string(scheme s) noexcept {
  switch (s) {
    case scheme::aes_siv: return "aes_siv";
    case scheme::hmac_sha256: return "hmac_sha256";
    case scheme::ipcrypt_deterministic: return "ipcrypt_deterministic";
    case scheme::ipcrypt_pfx: return "ipcrypt_pfx";
    case scheme::redact: return "redact";
    case scheme::partial: return "partial";
    case scheme::base64: return "base64";
  }
  return "unknown";
}

std::optional<scheme> scheme_from(std::string_view name) noexcept {
  for (const scheme s : all_schemes) {
    if (to_string(s) == name) return s;
  }
  return std::nullopt;
}

bool needs_key(scheme s) noexcept {
  return names_its_key(s) || gives_addresses(s);
}

bool names_its_key(scheme s) noexcept {
  return s == scheme::aes_siv || s == scheme::hmac_sha256;
}

bool gives_addresses(scheme s) noexcept {
  return s == scheme::ipcrypt_deterministic || s == scheme::ipcrypt_pfx;
}

bool is_reversible(scheme s) noexcept {
  return s != scheme::hmac_sha256 && s != scheme::redact && s != scheme::partial;
}

std::size_t token_size_min(scheme s) noexcept {
  constexpr std::size_t key_id_and_point = 2;
  switch (s) {
    case scheme::aes_siv: return key_id_and_point + base64url_size(aes_siv::overhead);
    case scheme::hmac_sha256: return key_id_and_point + base64url_size(hmac_sha256::size);
    case scheme::ipcrypt_deterministic:
    case scheme::ipcrypt_pfx: return ip_text_size_max;
    case scheme::redact:
    case scheme::partial:
    case scheme::base64: break;
  }
  return 0;
}

}  // namespace sluice::mask
