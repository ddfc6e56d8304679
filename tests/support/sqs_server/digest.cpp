#include "support/sqs_server/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace sluice::sqs_server {
namespace {

/// One algorithm, fetched once, with a context to use again: a fetch costs more than a short digest.
class hasher {
 public:
  explicit hasher(const char* name) : md_(EVP_MD_fetch(nullptr, name, nullptr)), context_(EVP_MD_CTX_new()) {
    if (!md_ || !context_) throw std::runtime_error(std::string("OpenSSL has no ") + name);
  }

  std::string hex_of(std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context_.get(), data.data(), data.size()) != 1 ||
        EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) {
      throw std::runtime_error("OpenSSL refused a digest");
    }
    return hex(std::as_bytes(std::span(digest.data(), size)));
  }

 private:
  struct free_md {
    void operator()(EVP_MD* md) const { EVP_MD_free(md); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD, free_md> md_;
  std::unique_ptr<EVP_MD_CTX, free_md> context_;
};

void append_sized(std::string& out, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(size >> shift & 0xff);
  out += part;
}

}  // namespace

std::string md5_hex(std::string_view data) {
  thread_local hasher md5("MD5");
  return md5.hex_of(data);
}

std::string sha256_hex(std::string_view data) {
  thread_local hasher sha256("SHA256");
  return sha256.hex_of(data);
}

std::string md5_of_attributes(std::span<const message_attribute* const> attributes) {
  if (attributes.empty()) return {};
  std::string buffer;
  for (const message_attribute* a : attributes) {
    append_sized(buffer, a->name);
    append_sized(buffer, a->data_type);
    buffer += a->binary ? '\x02' : '\x01';
    append_sized(buffer, a->value);
  }
  return md5_hex(buffer);
}

}  // namespace sluice::sqs_server
