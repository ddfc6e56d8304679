#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "core/failure.hpp"

namespace sluice::http {

/// A TLS context (1.2 or newer) that verifies peers against the system's store, or against the PEM file
/// `ca_bundle` where that is not empty. A file that cannot be read is `bad_configuration`.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::string& ca_bundle);

}  // namespace sluice::http
