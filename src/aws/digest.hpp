#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

struct evp_mac_ctx_st;

namespace sluice::aws {

using sha256_digest = std::array<std::byte, 32>;

/// Uses a context that the calling thread keeps: nothing is allocated after its first call.
sha256_digest sha256(std::string_view data);

/// HMAC-SHA256 (RFC 2104) with a key that is set once and used many times. Not thread-safe.
class hmac_sha256 {
 public:
  hmac_sha256();
  void set_key(std::span<const std::byte> key);
  /// Needs a key. Leaves the object ready for the next message.
  sha256_digest operator()(std::string_view data);

 private:
  struct deleter {
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_mac_ctx_st, deleter> context_;
};

}  // namespace sluice::aws
