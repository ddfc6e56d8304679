#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "core/failure.hpp"
#include "http/endpoint.hpp"

namespace sluice::http {

/// The way to an endpoint: name lookup, TCP, and TLS with the peer verified. Part of `client`.
///
/// Used by one coroutine at a time, and outlives it; `close` may come from any other of the same thread.
class connection {
 public:
  connection(const boost::asio::any_io_executor& executor, endpoint to,
             std::shared_ptr<boost::asio::ssl::context> tls);

  /// Within `timeout`, all together. Failures name the endpoint. `errc::cancelled` means `close`, and nothing
  /// else.
  boost::asio::awaitable<result<>> open(std::chrono::milliseconds timeout);
  bool is_open() const noexcept { return established_; }
  /// Ends what waits on it with an error.
  void close() noexcept;

  const endpoint& to() const noexcept { return to_; }
  boost::asio::ip::tcp::socket& plain() noexcept { return socket_; }
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>& secure() noexcept { return *secure_; }

 private:
  struct lookup;
  using addresses = boost::asio::ip::tcp::resolver::results_type;
  boost::asio::awaitable<error_code> find_addresses(addresses& found);
  boost::asio::awaitable<error_code> connect_to(addresses any);
  boost::asio::awaitable<result<>> shake_hands();
  failure refused(const error_code& e) const;
  failure late(std::chrono::milliseconds timeout) const;

  endpoint to_;
  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> secure_;
  std::shared_ptr<lookup> lookup_;  ///< while one is under way
  bool established_ = false;
  bool closed_ = false;  ///< while it was being opened
};

}  // namespace sluice::http
