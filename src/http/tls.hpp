#pragma once

#include <openssl/types.h>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "core/failure.hpp"

namespace sluice::http {

/// A TLS context (1.2 or newer) that verifies peers against the system's store, or against the PEM file
/// `ca_bundle` where that is not empty. A file that cannot be read is `bad_configuration`. It keeps the last
/// session that a server gave, for `offer_session`. For one thread.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::string& ca_bundle);

/// Before a handshake, after the server's name was set: offers the session that this context kept of a server
/// of that name, if there is one. The server may take it, and then proves who it is by knowing its key
/// (RFC 8446, 2.2), or ignore it. By address nothing is resumed.
void offer_session(SSL* ssl) noexcept;

}  // namespace sluice::http
