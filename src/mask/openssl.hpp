#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice::mask::openssl {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using cipher_ctx = std::unique_ptr<EVP_CIPHER_CTX, freed_by<&EVP_CIPHER_CTX_free>>;
using mac = std::unique_ptr<EVP_MAC, freed_by<&EVP_MAC_free>>;
using mac_ctx = std::unique_ptr<EVP_MAC_CTX, freed_by<&EVP_MAC_CTX_free>>;
using kdf = std::unique_ptr<EVP_KDF, freed_by<&EVP_KDF_free>>;
using kdf_ctx = std::unique_ptr<EVP_KDF_CTX, freed_by<&EVP_KDF_CTX_free>>;

/// Every OpenSSL call that can fail goes through here. None fails on a value: an error is a broken promise
/// (no such algorithm, no memory), and must not become a token that masks nothing.
inline void require(bool worked, std::string_view call) {
  if (!worked) throw std::runtime_error("OpenSSL: " + std::string(call) + " failed");
}

inline const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace sluice::mask::openssl
