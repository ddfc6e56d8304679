#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace tests {

struct certificate {
  std::string pem;  ///< signed by its own key
  std::string key_pem;
};

struct certificate_options {
  std::string names = "DNS:localhost,IP:127.0.0.1";  ///< subjectAltName
  long valid_from_seconds = -3600;                   ///< from now
  long valid_until_seconds = 3600;
};

namespace detail {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

inline void must(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make a certificate");
}

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace detail

/// A self-signed certificate with a fresh P-256 key.
inline certificate make_certificate(const certificate_options& o = {}) {
  using detail::freed_by;
  using detail::must;
  const std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, freed_by<X509_free>> x(X509_new());
  must(key && x);
  must(X509_set_version(x.get(), 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x.get()), o.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(x.get()), o.valid_until_seconds);
  must(X509_set_pubkey(x.get(), key.get()) == 1);
  X509_NAME* const name = X509_get_subject_name(x.get());
  const auto* const text = reinterpret_cast<const unsigned char*>("sluice test");
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1);
  must(X509_set_issuer_name(x.get(), name) == 1);
  for (const auto& [nid, value] : {std::pair(NID_basic_constraints, std::string("critical,CA:TRUE")),
                                   std::pair(NID_subject_alt_name, o.names)}) {
    const std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
    must(extension && X509_add_ext(x.get(), extension.get(), -1) == 1);
  }
  must(X509_sign(x.get(), key.get(), EVP_sha256()) > 0);

  certificate made;
  const std::unique_ptr<BIO, freed_by<BIO_free>> bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(bio.get(), x.get()) == 1);
  made.pem = detail::text_of(bio.get());
  must(BIO_reset(bio.get()) == 1);
  must(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  made.key_pem = detail::text_of(bio.get());
  return made;
}

/// A file with this text, gone at the end of the scope.
class text_file {
 public:
  explicit text_file(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd < 0) throw std::runtime_error("no temporary file");
    ::close(fd);
    path_ = name;
    std::ofstream(path_) << text;
  }
  text_file(const text_file&) = delete;
  text_file& operator=(const text_file&) = delete;
  ~text_file() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace tests
