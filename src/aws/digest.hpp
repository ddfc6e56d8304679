#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace sluice::aws {

using sha256_digest = std::array<std::byte, 32>;

/// Of `head` and `data`, one after the other. Uses a context that the calling thread keeps: nothing is
/// allocated after its first call.
sha256_digest sha256(std::string_view head, std::string_view data);
inline sha256_digest sha256(std::string_view data) {
  return sha256({}, data);
}

/// HMAC-SHA256 (RFC 2104) with a key that is set once and used many times. Written out, because OpenSSL's
/// copies contexts, and allocates them, for each message.
class hmac_sha256 {
 public:
  hmac_sha256() = default;
  hmac_sha256(hmac_sha256&&) noexcept = default;
  hmac_sha256& operator=(hmac_sha256&&) noexcept = default;
  ~hmac_sha256();
  void set_key(std::span<const std::byte> key);
  /// Needs a key.
  sha256_digest operator()(std::string_view data) const;

 private:
  using block = std::array<std::byte, 64>;
  block inner_{}, outer_{};  ///< the key, padded, and xored with 0x36 and 0x5c
};

}  // namespace sluice::aws
