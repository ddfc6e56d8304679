#include "http/connection.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/verdict.hpp"
#include "http/deadline.hpp"
#include "http/tls.hpp"

namespace sluice::http {

namespace asio = boost::asio;
using asio::ip::tcp;

// Shared with the resolver's handler, which comes when getaddrinfo ends: that can be long after we gave up.
struct connection::lookup {
  explicit lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {
    done.expires_at(asio::steady_timer::time_point::max());
  }
  tcp::resolver resolver;
  asio::steady_timer done;  ///< cancelled when there is an answer, or none is wanted any more
  error_code error = asio::error::operation_aborted;  ///< until there is an answer
  tcp::resolver::results_type found;
};

connection::connection(const asio::any_io_executor& executor, endpoint to,
                       std::shared_ptr<asio::ssl::context> tls)
    : to_(std::move(to)), socket_(executor), tls_(std::move(tls)) {}

void connection::close() noexcept {
  established_ = false;
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  if (lookup_) {
    lookup_->resolver.cancel();
    lookup_->done.cancel();
  }
}

asio::awaitable<error_code> connection::find_addresses(addresses& found) {
  error_code e;
  const auto address = asio::ip::make_address(to_.host, e);
  if (!e) {
    found = tcp::resolver::results_type::create({address, to_.port}, to_.host, "");
    co_return error_code{};
  }
  // getaddrinfo cannot be interrupted: this waits for its handler or for `close`, whichever is first.
  const auto state = std::make_shared<lookup>(socket_.get_executor());
  state->resolver.async_resolve(to_.host, std::to_string(to_.port), tcp::resolver::address_configured,
                                [state](const error_code& failed, tcp::resolver::results_type results) {
                                  state->error = failed;
                                  state->found = std::move(results);
                                  state->done.cancel();
                                });
  lookup_ = state;
  co_await state->done.async_wait(asio::redirect_error(asio::use_awaitable, e));
  lookup_.reset();
  found = state->found;
  co_return state->error;
}

// Asio's async_connect for several addresses answers operation_aborted when no socket can be opened, as if it
// had been closed; so sockets are opened here, and errno is seen.
asio::awaitable<error_code> connection::connect_to(addresses any) {
  error_code e = asio::error::not_found;
  for (const auto& each : any) {
    if (closed_) co_return e;
    error_code ignored;
    socket_.close(ignored);
    e = {};
    socket_.open(each.endpoint().protocol(), e);
    if (is_shortage(e)) co_return e;
    if (e) continue;  // no IPv6 on this machine, say
    co_await socket_.async_connect(each.endpoint(), asio::redirect_error(asio::use_awaitable, e));
    if (!e) break;
  }
  co_return e;
}

asio::awaitable<result<>> connection::open(std::chrono::milliseconds timeout) {
  const deadline limit(socket_.get_executor(), timeout, [this] { close(); });
  secure_.reset();
  closed_ = false;
  error_code e;
  socket_.close(e);

  addresses found;
  e = co_await find_addresses(found);
  if (!e) e = co_await connect_to(found);
  if (!e) socket_.set_option(tcp::no_delay(true), e);
  if (!e) socket_.non_blocking(true, e);  // for writes that are tried at once
  result<> opened;
  if (e) opened = refused(e);
  if (!e && !closed_ && to_.tls) opened = co_await shake_hands();
  // What a closed socket answers says nothing, and a success may have come in the same turn of the loop.
  if (limit.expired()) {
    opened = late(timeout);
  } else if (closed_) {
    opened = failure{errc::cancelled, "connect to " + to_string(to_) + ": closed on demand"};
  }
  established_ = opened.has_value();
  if (!opened) close();
  co_return opened;
}

failure connection::late(std::chrono::milliseconds timeout) const {
  return {errc::timed_out,
          fmt::format("connect to {}: no answer within {} ms", to_string(to_), timeout.count()),
          "check the way to it: routes, security groups, VPC endpoint, proxy"};
}

failure connection::refused(const error_code& e) const {
  const std::string what = "connect to " + to_string(to_);
  if (is_shortage(e)) {
    return {e, fmt::format("{}: no socket: {}", what, e.message()),
            "raise the limit of open files (ulimit -n), or give this machine more memory"};
  }
  if (e == asio::error::host_not_found || e == asio::error::no_data) {
    return {e, fmt::format("{}: the name {} does not resolve", what, to_.host),
            "check its spelling (is the region right?) and the DNS"};
  }
  if (e == asio::error::host_not_found_try_again) {
    return {e, fmt::format("{}: the DNS gave no answer for {}", what, to_.host), "check the DNS"};
  }
  if (e == asio::error::connection_refused) {
    return {e, what + ": connection refused", "is it running, and are host and port right?"};
  }
  return {e, fmt::format("{}: {}", what, e.message()), "check the way to it: routes and security groups"};
}

namespace {

std::string_view remedy(long verified, const error_code& e) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "renew the server's certificate, or set this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "set this machine's clock";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return "use the name that the certificate is made out to";
    case X509_V_OK: break;
    default:
      return "if the server is yours, name the file of its CA (AWS_CA_BUNDLE); else install ca-certificates";
  }
  const bool not_tls = ERR_GET_REASON(static_cast<unsigned long>(e.value())) == SSL_R_WRONG_VERSION_NUMBER;
  return not_tls ? "the server does not speak TLS there: is it http:// or another port?" : "";
}

// Whether the same two would disagree again.
bool is_lasting(const error_code& e) {
  if (e.category() != asio::error::get_ssl_category()) return false;
  switch (ERR_GET_REASON(static_cast<unsigned long>(e.value()))) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return true;
    default: return false;
  }
}

/// What a certificate must be made out to. Without that any valid certificate would do.
bool expect_host(SSL* ssl, std::string host) {
  error_code literal;
  asio::ip::make_address(host, literal);
  if (!literal) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  // What the macro SSL_set_tlsext_host_name does, without its C cast.
  if (SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) != 1) return false;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(ssl, host.c_str()) != 1) return false;
  offer_session(ssl);
  return true;
}

}  // namespace

asio::awaitable<result<>> connection::shake_hands() {
  secure_.emplace(socket_, *tls_);
  SSL* const ssl = secure_->native_handle();
  if (!expect_host(ssl, to_.host)) {
    co_return failure{errc::tls_refused,
                      fmt::format("TLS with {}: OpenSSL does not take its name, so a certificate cannot be "
                                  "compared with it",
                                  to_string(to_)),
                      "write the host as a name or an address"};
  }

  error_code e;
  co_await secure_->async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, e));
  if (!e) co_return result<>();
  const long verified = SSL_get_verify_result(ssl);
  const std::string why = verified != X509_V_OK                     ? X509_verify_cert_error_string(verified)
                          : e == asio::ssl::error::stream_truncated ? "the server closed the connection"
                                                                    : e.message();
  // A link that breaks in mid-handshake, or a server that is being replaced and sends an alert, says nothing
  // about TLS: the next may hold.
  const bool refused = verified != X509_V_OK || is_lasting(e);
  co_return failure{refused ? errc::tls_refused : errc::connection_closed,
                    fmt::format("TLS with {}: {}", to_string(to_), why), std::string(remedy(verified, e))};
}

}  // namespace sluice::http
