#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "core/failure.hpp"

namespace sluice::pg {

/// libpq's `host`, `hostaddr` and `port`: lists of one length, separated by commas.
struct addresses {
  std::string host, hostaddr, port;
};

/// The same, with the first `by` of them last; over their number it begins again.
addresses turned(const addresses& list, std::size_t by);

/// Looks names up on Asio's resolver thread: libpq's own look-up would block the loop.
class resolver {
 public:
  explicit resolver(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Every address of every host; `hostaddr` is empty when there was nothing to look up (a socket, an
  /// address). `host` and `port` may be lists, as libpq has them. Ends by `due`, even if the system's
  /// resolver does not.
  boost::asio::awaitable<result<addresses>> resolve(std::string host, std::string port,
                                                    std::chrono::steady_clock::time_point due);
  /// Ends a call in flight, with `errc::cancelled`.
  void cancel() noexcept;

 private:
  struct lookup;
  boost::asio::awaitable<result<boost::asio::ip::tcp::resolver::results_type>> look_up(
      std::string name, std::chrono::steady_clock::time_point due);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<lookup> pending_;
};

}  // namespace sluice::pg
