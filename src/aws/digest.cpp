#include "aws/digest.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdexcept>

namespace sluice::aws {
namespace {

// OpenSSL refuses these only when its provider or memory is missing: a broken installation, not an input.
void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what + " failed");
}

const unsigned char* octets(const void* p) noexcept {
  return static_cast<const unsigned char*>(p);
}
unsigned char* octets(std::byte* p) noexcept {
  return reinterpret_cast<unsigned char*>(p);
}

struct md_deleter {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

// Fetched once: an implicit fetch by name at each use costs more than the digest.
EVP_MD* sha256_algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  must(algorithm != nullptr, "fetch of SHA256");
  return algorithm;
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  must(algorithm != nullptr, "fetch of HMAC");
  return algorithm;
}

}  // namespace

sha256_digest sha256(std::string_view data) {
  thread_local const std::unique_ptr<EVP_MD_CTX, md_deleter> context(EVP_MD_CTX_new());
  sha256_digest digest{};
  must(context && EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) == 1 &&
           EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
           EVP_DigestFinal_ex(context.get(), octets(digest.data()), nullptr) == 1,
       "SHA256");
  return digest;
}

void hmac_sha256::deleter::operator()(evp_mac_ctx_st* context) const noexcept {
  EVP_MAC_CTX_free(context);  // wipes the key
}

hmac_sha256::hmac_sha256() : context_(EVP_MAC_CTX_new(hmac_algorithm())) {
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  must(context_ && EVP_MAC_CTX_set_params(context_.get(), parameters) == 1, "HMAC");
}

void hmac_sha256::set_key(std::span<const std::byte> key) {
  must(EVP_MAC_init(context_.get(), octets(key.data()), key.size(), nullptr) == 1, "HMAC key");
}

sha256_digest hmac_sha256::operator()(std::string_view data) {
  sha256_digest digest{};
  std::size_t size = 0;
  must(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&  // the same key again
           EVP_MAC_update(context_.get(), octets(data.data()), data.size()) == 1 &&
           EVP_MAC_final(context_.get(), octets(digest.data()), &size, digest.size()) == 1,
       "HMAC");
  return digest;
}

}  // namespace sluice::aws
