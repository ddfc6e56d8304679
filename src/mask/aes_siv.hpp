#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "mask/aes_blocks.hpp"

namespace sluice::mask {

/// AES-SIV (RFC 5297): authenticated encryption without a nonce. The same key, associated strings and plain
/// text give the same bytes, and nothing else about the plain text shows but its length.
///
/// Written from AES block calls because OpenSSL's own AES-SIV wants to be keyed anew for every message, which
/// costs 20 times what a short value needs. Keyed once, then used for any number of messages; not
/// thread-safe; no allocation per message. An OpenSSL error throws.
class aes_siv {
 public:
  static constexpr std::size_t overhead = 16;   ///< the synthetic IV in front of the ciphertext
  static constexpr std::size_t key_bytes = 64;  ///< of AES-256-SIV, which sluice uses

  /// 32, 48 or 64 bytes: one half authenticates, the other encrypts (AES-128, 192 or 256). Throws
  /// std::invalid_argument on any other length.
  explicit aes_siv(std::string_view key);
  aes_siv(aes_siv&&) noexcept = default;
  aes_siv& operator=(aes_siv&&) noexcept = default;
  ~aes_siv();

  /// Writes `plain.size() + overhead` bytes to `out`, which does not overlap `plain`.
  void seal(std::string_view plain, std::span<const std::string_view> associated, char* out);
  /// Writes `sealed.size() - overhead` bytes to `out`. False when `sealed` was not made with this key and
  /// these associated strings: then `out` holds zeros.
  [[nodiscard]] bool open(std::string_view sealed, std::span<const std::string_view> associated, char* out);

 private:
  using block = std::array<unsigned char, 16>;

  static void double_in_place(block& b) noexcept;
  static void xor_into(block& b, std::string_view bytes) noexcept;
  block cmac(std::string_view head, std::string_view tail = {});
  block synthetic_iv(std::string_view plain, std::span<const std::string_view> associated);
  void count(block counter, std::string_view in, char* out);

  aes_blocks authenticate_;
  aes_blocks encrypt_;
  block whole_subkey_{};   ///< RFC 4493: K1, for a last block that is whole
  block padded_subkey_{};  ///< K2, for one that was padded
  block zero_mac_{};       ///< S2V starts with the CMAC of a block of zeros
};

}  // namespace sluice::mask
