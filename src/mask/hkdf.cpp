#include "mask/hkdf.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <string>

#include "mask/openssl.hpp"

namespace sluice::mask {
namespace {

/// OpenSSL takes parameters through a pointer to what it does not change, and no null, even of length 0.
OSSL_PARAM octets(const char* name, std::string_view value) noexcept {
  const char* at = value.empty() ? "" : value.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(at), value.size());
}

}  // namespace

secret hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info, std::size_t bytes) {
  const openssl::kdf algorithm(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  openssl::require(algorithm != nullptr, "EVP_KDF_fetch");
  const openssl::kdf_ctx ctx(EVP_KDF_CTX_new(algorithm.get()));
  openssl::require(ctx != nullptr, "EVP_KDF_CTX_new");
  std::string digest = "SHA256";
  const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                              octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
                              octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string derived(bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(derived.data());
  const bool worked = EVP_KDF_derive(ctx.get(), out, derived.size(), parameters.data()) == 1;
  openssl::require(worked, "EVP_KDF_derive");
  return secret(std::move(derived));
}

}  // namespace sluice::mask
