#include "aws/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "core/encoding.hpp"

namespace sluice::aws {
namespace {

// OpenSSL refuses these only when its provider or memory is missing: a broken installation, not an input.
void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what + " failed");
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

}  // namespace

sha256_digest sha256(std::string_view head, std::string_view data) {
  thread_local const std::unique_ptr<EVP_MD_CTX, md_deleter> context(EVP_MD_CTX_new());
  sha256_digest digest{};
  must(context && EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) == 1 &&
           (head.empty() || EVP_DigestUpdate(context.get(), head.data(), head.size()) == 1) &&
           EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
           EVP_DigestFinal_ex(context.get(), octets(digest.data()), nullptr) == 1,
       "SHA256");
  return digest;
}

hmac_sha256::~hmac_sha256() {
  OPENSSL_cleanse(inner_.data(), inner_.size());
  OPENSSL_cleanse(outer_.data(), outer_.size());
}

void hmac_sha256::set_key(std::span<const std::byte> key) {
  sha256_digest shortened{};
  if (key.size() > inner_.size()) {
    shortened = sha256(text_of(key));
    key = shortened;
  }
  inner_.fill(std::byte{0x36});
  outer_.fill(std::byte{0x5c});
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner_[i] ^= key[i];
    outer_[i] ^= key[i];
  }
  OPENSSL_cleanse(shortened.data(), shortened.size());
}

sha256_digest hmac_sha256::operator()(std::string_view data) const {
  const sha256_digest within = sha256(text_of(inner_), data);
  return sha256(text_of(outer_), text_of(within));
}

}  // namespace sluice::aws
