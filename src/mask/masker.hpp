#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mask/key_ring.hpp"

namespace sluice::mask {

/// How one column is masked.
struct rule {
  scheme how = scheme::aes_siv;
  std::string domain;            ///< columns that must join share one; the source field by default
  std::string constant = "***";  ///< redact
  std::size_t keep_last = 4;     ///< partial: that many characters stay

  bool operator==(const rule&) const = default;
};

bool needs_key(scheme s) noexcept;

/// Masks values by one rule. Keyed contexts are made once: one object per thread and rule, not thread-safe,
/// no allocation per value.
///
/// aes_siv: AES-256-SIV (RFC 5297), no associated data, token `<key id>.<base64url(siv || ciphertext)>`;
/// hmac_sha256:
/// `<key id>.<base64url(32 bytes)>`; base64: RFC 4648 section 4 of the value; redact: the constant; partial:
/// `*` for each character but the last `keep_last`.
class masker {
 public:
  /// `keys` may be null if the scheme needs none; otherwise `missing_key`.
  static result<masker> make(const rule& r, const std::shared_ptr<const key_ring>& keys);
  masker(masker&&) noexcept;
  masker& operator=(masker&&) noexcept;
  ~masker();

  /// Upper bound of the token's bytes for a value of that many bytes.
  std::size_t size_max(std::size_t value_bytes) const noexcept;
  /// Writes the token to `out` (room for `size_max`), returns its end. Cannot fail on any input: an OpenSSL
  /// error here is a broken promise and throws.
  char* mask_to(std::string_view value, char* out);
  std::string mask(std::string_view value);

 private:
  struct impl;
  explicit masker(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

/// Reverses an aes_siv or base64 token. `missing_key` for an unknown id, `bad_message` for a token that does
/// not authenticate.
result<std::string> unmask(std::string_view token, const rule& r, const key_ring& keys);

/// Seals quarantine bodies: AES-256-SIV with the message id as associated data, `<key id>.` then raw bytes.
class sealer {
 public:
  static result<sealer> make(const std::shared_ptr<const key_ring>& keys);
  sealer(sealer&&) noexcept;
  sealer& operator=(sealer&&) noexcept;
  ~sealer();
  std::string seal(std::string_view body, std::string_view message_id);

 private:
  struct impl;
  explicit sealer(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};
result<std::string> unseal(std::string_view sealed, std::string_view message_id, const key_ring& keys);

}  // namespace sluice::mask
