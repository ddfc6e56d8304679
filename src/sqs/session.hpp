#pragma once

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "aws/provider.hpp"
#include "core/byte_budget.hpp"
#include "http/client.hpp"

namespace sluice::sqs {

/// What all connections to one queue share. Immutable but for the counters and the clock offset; one per
/// loop.
struct session {
  http::endpoint endpoint;
  std::string region;
  std::shared_ptr<aws::credentials_provider> credentials;
  std::shared_ptr<boost::asio::ssl::context> tls;
  http::options http;
  /// Signing time; tests set it. The clock offset (below) is added.
  std::function<std::chrono::sys_seconds()> now = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  };
  /// Server's clock minus ours, from its Date header; used when over 4 minutes and the peer refused a
  /// signature for it.
  std::chrono::seconds clock_offset{0};
  std::uint64_t requests = 0;  ///< sent, for the cost meter
  /// Of the messages in all answers to receives, from before they are read until `client::release`.
  byte_budget answers{std::size_t{8} << 20};
  /// Signer and decoder, made by the first client: with one for all connections their memory stays in the
  /// caches.
  struct tools;
  std::shared_ptr<tools> shared_tools;
};

}  // namespace sluice::sqs
