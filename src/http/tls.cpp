#include "http/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>

namespace sluice::http {

namespace ssl = boost::asio::ssl;

namespace {

/// Held by the SSL_CTX. Of one name only, as a session proves no other.
struct last_session {
  std::string server;
  std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session{nullptr, SSL_SESSION_free};
};

int last_session_index() {
  static const int index = CRYPTO_get_ex_new_index(
      CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr,
      [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<last_session*>(kept); });
  return index;
}

last_session* last_session_of(SSL* ssl) {
  return static_cast<last_session*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), last_session_index()));
}

const char* server_name(SSL* ssl) {
  return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
}

// OpenSSL's callback: in TLS 1.3 it comes after the handshake. What is kept is a copy, as OpenSSL takes a
// session for spoilt whose connection ended without a farewell, and ours do (SSL_shutdown(3)).
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
  const char* const name = server_name(ssl);
  if (name == nullptr) return 0;
  last_session& last = *last_session_of(ssl);
  last.server = name;
  last.session.reset(SSL_SESSION_dup(session));
  return 0;
}

void keep_sessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_ex_data(context, last_session_index(), std::make_unique<last_session>().release());
  SSL_CTX_sess_set_new_cb(context, keep_session);
}

}  // namespace

void offer_session(SSL* ssl) noexcept {
  const char* const name = server_name(ssl);
  const last_session& last = *last_session_of(ssl);
  if (name != nullptr && last.session && last.server == name) SSL_set_session(ssl, last.session.get());
}

result<std::shared_ptr<ssl::context>> make_tls_context(const std::string& ca_bundle) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(ssl::verify_peer);
  keep_sessions(context->native_handle());

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
