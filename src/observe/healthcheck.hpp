#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>

#include "core/failure.hpp"

namespace sluice::observe {

/// Asks the admin server that listens on `address` whether its process is alive (GET /healthz). Blocks for
/// `longest` at most. Where it listens on all addresses, it is asked on loopback.
result<> healthcheck(boost::asio::ip::tcp::endpoint address,
                     std::chrono::milliseconds longest = std::chrono::seconds(3));

}  // namespace sluice::observe
