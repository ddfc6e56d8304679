#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "observe/state.hpp"

namespace sluice::observe {

/// "127.0.0.1:9464", "[::1]:9464", "0.0.0.0:9464", "localhost:9464". Names are not looked up.
result<boost::asio::ip::tcp::endpoint> parse_listen_address(std::string_view text);

/// The status page, /status.json, /metrics, /healthz and /readyz over HTTP/1.1. Answers GET and HEAD and
/// nothing else, one request a connection; has no way to change anything.
///
/// Outlived by what `state` refers to. One executor, one thread: a control loop, not one that moves messages.
/// A slow or hostile client costs a connection for `request_max` at most, and there are `connections_max`:
/// for one more, the one that has been open longest is closed.
class admin_server {
 public:
  struct options {
    boost::asio::ip::tcp::endpoint listen;  ///< port 0: any
    std::vector<std::string> hosts;         ///< names, besides localhost, that a Host header may have
    std::size_t connections_max = 16;
    std::size_t header_bytes_max = 8 * 1024;
    std::chrono::milliseconds request_max{5'000};  ///< from the connection to the last byte of the answer
  };

  admin_server(boost::asio::any_io_executor executor, options o, state s);
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  /// Takes the address; says which it is, with its port. Fails when it is in use, or is not ours.
  result<boost::asio::ip::tcp::endpoint> open();
  /// Answers until `close`; then waits for its connections to end, which it closes. After `open`.
  boost::asio::awaitable<void> run();
  void close() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::observe
