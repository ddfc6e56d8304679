#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "mask/rule.hpp"

namespace sluice::mask {

/// One scheme, keyed and ready (see masker.cpp).
class mask_function;

/// Masks values by one rule. Keyed contexts are made once: one object per thread and rule, not thread-safe,
/// no allocation per value.
///
/// - aes_siv: AES-256-SIV (RFC 5297), no associated data: `<key id>.<base64url(siv || ciphertext)>`;
/// - hmac_sha256: `<key id>.<base64url(32 bytes)>`;
/// - ipcrypt_deterministic, ipcrypt_pfx (draft-denis-ipcrypt): another address, with no key id; a value that
/// is
///   no address is refused;
/// - base64: RFC 4648 section 4 of the value; compatibility only, anybody can read it;
/// - redact: the constant;
/// - partial: `*` for each character (UTF-8) but the last `keep_last`; a value that is not longer than that
///   is starred whole.
class masker {
 public:
  /// `missing_key` when the scheme needs a key and `keys` is null or lacks it; `bad_configuration` when it
  /// needs a domain and there is none.
  static result<masker> make(const rule& r, const std::shared_ptr<const key_ring>& keys);
  masker(masker&&) noexcept;
  masker& operator=(masker&&) noexcept;
  ~masker();

  /// Upper bound of the token's bytes for a value of that many bytes.
  std::size_t size_max(std::size_t value_bytes) const noexcept;
  /// Writes the token to `out` (room for `size_max`, apart from `value`), returns its end; null for a
  /// value that the scheme cannot take, which only the ipcrypt schemes have. An OpenSSL error here is a
  /// broken promise and throws.
  char* mask_to(std::string_view value, char* out);
  std::optional<std::string> mask(std::string_view value);

 private:
  explicit masker(std::unique_ptr<mask_function> f);
  std::unique_ptr<mask_function> function_;
};

}  // namespace sluice::mask
