#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "pipeline/clock.hpp"

namespace sluice::pipeline {

/// Where coroutines of one loop wait until another says that something has changed. As with a condition
/// variable, a waiter looks again at what it waits for; and every wait has an end.
class signal {
 public:
  explicit signal(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  signal(const signal&) = delete;
  signal& operator=(const signal&) = delete;

  /// Returns when it is notified: true; or when `longest` has passed.
  boost::asio::awaitable<bool> wait(clock::duration longest) {
    timer own(executor_, longest);
    waiting_.push_back(&own);
    co_await own.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return std::erase(waiting_, &own) == 0;
  }

  /// Those that came last first: their memory is still in the caches.
  void notify(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    for (; most > 0 && !waiting_.empty(); --most) {
      timer* const last = waiting_.back();
      waiting_.pop_back();
      last->cancel();
    }
  }

 private:
  boost::asio::any_io_executor executor_;
  std::vector<timer*> waiting_;
};

}  // namespace sluice::pipeline
