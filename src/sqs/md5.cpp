#include "sqs/md5.hpp"

#include <openssl/evp.h>

namespace sluice::sqs {

void md5::deleter::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}
void md5::deleter::operator()(evp_md_st* algorithm) const noexcept {
  EVP_MD_free(algorithm);
}

md5::md5() : algorithm_(EVP_MD_fetch(nullptr, "MD5", nullptr)), context_(EVP_MD_CTX_new()) {}

std::optional<std::array<char, 32>> md5::operator()(std::string_view text) {
  std::array<unsigned char, 16> digest{};
  if (!algorithm_ || !context_ || EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context_.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) {
    return std::nullopt;
  }
  std::array<char, 32> hex{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

}  // namespace sluice::sqs
