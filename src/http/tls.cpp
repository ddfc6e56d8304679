#include "http/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>

namespace sluice::http {

namespace ssl = boost::asio::ssl;

result<std::shared_ptr<ssl::context>> make_tls_context(const std::string& ca_bundle) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(ssl::verify_peer);

  error_code e;
  if (ca_bundle.empty()) {
    context->set_default_verify_paths(e);
    if (e) return failure{errc::bad_configuration, "TLS: the system's certificate store: " + e.message()};
    return context;
  }
  context->load_verify_file(ca_bundle, e);
  if (e) {
    return failure{errc::bad_configuration, fmt::format("CA bundle {}: {}", ca_bundle, e.message()),
                   "give a readable PEM file of certificates (AWS_CA_BUNDLE)"};
  }
  return context;
}

}  // namespace sluice::http
