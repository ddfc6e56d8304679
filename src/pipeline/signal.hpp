#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
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

  /// Returns after the next `notify`, or when `longest` has passed.
  boost::asio::awaitable<void> wait(clock::duration longest) {
    timer own(executor_, longest);
    waiting_.push_back(&own);
    co_await own.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    std::erase(waiting_, &own);
  }

  void notify() {
    for (timer* each : std::exchange(waiting_, {})) each->cancel();
  }

 private:
  boost::asio::any_io_executor executor_;
  std::vector<timer*> waiting_;
};

}  // namespace sluice::pipeline
