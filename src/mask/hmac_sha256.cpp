#include "mask/hmac_sha256.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

namespace sluice::mask {

hmac_sha256::hmac_sha256(std::string_view key) {
  const openssl::mac algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  openssl::require(algorithm != nullptr, "EVP_MAC_fetch");
  ctx_.reset(EVP_MAC_CTX_new(algorithm.get()));
  openssl::require(ctx_ != nullptr, "EVP_MAC_CTX_new");
  std::string digest = "SHA256";
  const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                              OSSL_PARAM_construct_end()};
  openssl::require(EVP_MAC_init(ctx_.get(), openssl::bytes(key), key.size(), parameters.data()) == 1,
                   "EVP_MAC_init");
}

std::array<char, hmac_sha256::size> hmac_sha256::of(std::string_view message) {
  std::array<char, size> mac{};
  std::size_t written = 0;
  // A null key means the key of before; for a MAC, unlike OpenSSL's AES-SIV, that starts a new message.
  const bool worked =
      EVP_MAC_init(ctx_.get(), nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(ctx_.get(), openssl::bytes(message), message.size()) == 1 &&
      EVP_MAC_final(ctx_.get(), reinterpret_cast<unsigned char*>(mac.data()), &written, mac.size()) == 1;
  openssl::require(worked && written == mac.size(), "EVP_MAC");
  return mac;
}

}  // namespace sluice::mask
