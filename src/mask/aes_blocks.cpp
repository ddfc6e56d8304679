#include "mask/aes_blocks.hpp"

namespace sluice::mask {

aes_blocks::aes_blocks(std::string_view key, direction d) : ctx_(EVP_CIPHER_CTX_new()) {
  const EVP_CIPHER* cipher = key.size() == 16   ? EVP_aes_128_ecb()
                             : key.size() == 24 ? EVP_aes_192_ecb()
                                                : EVP_aes_256_ecb();
  openssl::require(ctx_ != nullptr, "EVP_CIPHER_CTX_new");
  openssl::require(EVP_CipherInit_ex2(ctx_.get(), cipher, openssl::bytes(key), nullptr,
                                      d == direction::encrypt ? 1 : 0, nullptr) == 1,
                   "EVP_CipherInit_ex2");
  openssl::require(EVP_CIPHER_CTX_set_padding(ctx_.get(), 0) == 1, "EVP_CIPHER_CTX_set_padding");
}

void aes_blocks::operator()(unsigned char* blocks, std::size_t size) {
  int written = 0;
  const int wanted = static_cast<int>(size);
  openssl::require(EVP_CipherUpdate(ctx_.get(), blocks, &written, blocks, wanted) == 1 && written == wanted,
                   "EVP_CipherUpdate");
}

}  // namespace sluice::mask
