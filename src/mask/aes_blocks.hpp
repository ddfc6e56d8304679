#pragma once

#include <cstddef>
#include <string_view>

#include "mask/openssl.hpp"

namespace sluice::mask {

/// AES with a key of 16, 24 or 32 bytes, one block at a time (ECB): what the schemes are made of, never used
/// on a value by itself unless the value is one block. Keyed once; no allocation per call. An OpenSSL error
/// throws.
class aes_blocks {
 public:
  static constexpr std::size_t block_bytes = 16;
  enum class direction { encrypt, decrypt };

  aes_blocks() = default;  ///< unkeyed: to be assigned over
  explicit aes_blocks(std::string_view key, direction d = direction::encrypt);

  /// Whole blocks, where they lie.
  void operator()(unsigned char* blocks, std::size_t size);

 private:
  openssl::cipher_ctx ctx_;
};

}  // namespace sluice::mask
