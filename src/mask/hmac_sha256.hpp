#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "mask/openssl.hpp"

namespace sluice::mask {

/// HMAC-SHA256 (RFC 2104), keyed once. Not thread-safe; no allocation per message. An OpenSSL error throws.
class hmac_sha256 {
 public:
  static constexpr std::size_t size = 32;

  explicit hmac_sha256(std::string_view key);

  std::array<char, size> of(std::string_view message);

 private:
  openssl::mac_ctx ctx_;
};

}  // namespace sluice::mask
