#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace sluice {

/// `co_await` gives the error code with the result, and throws nothing.
inline constexpr auto use_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);

/// Bounds a wait: `act` (close the socket, cancel the descriptor) runs on `executor` if this still lives when
/// `after` has passed.
///
/// The one way in which a wait gets its deadline (Boost 1.81 has no cancel_after). Lives on the stack of the
/// coroutine that waits; `act` is not called once it is gone, even if the timer had already fired. One
/// executor, one thread.
class deadline {
 public:
  template <class Act>
  deadline(const boost::asio::any_io_executor& executor, std::chrono::steady_clock::duration after, Act act)
      : state_(std::allocate_shared<state>(boost::asio::recycling_allocator<state>(), executor)) {
    state_->timer.expires_after(after);
    state_->timer.async_wait([s = state_, act = std::move(act)](const boost::system::error_code& e) mutable {
      if (e || !s->armed) return;
      s->expired = true;
      act();
    });
  }
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() {
    state_->armed = false;
    state_->timer.cancel();
  }

  bool expired() const noexcept { return state_->expired; }

 private:
  struct state {
    explicit state(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    bool armed = true;
    bool expired = false;
  };
  std::shared_ptr<state> state_;
};

}  // namespace sluice
