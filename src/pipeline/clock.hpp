#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace sluice::pipeline {

/// The clock of the pipeline: steady_clock, or, on a thread that simulates, a time that only the simulation
/// moves.
struct clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  /// A simulation of this thread: the time, which it alone moves, and when something may happen next: each
  /// time at which a timer was set to end, the earliest on top.
  struct simulation {
    time_point now{};
    std::priority_queue<time_point, std::vector<time_point>, std::greater<>> due;
  };
  static inline thread_local simulation* simulated = nullptr;

  static time_point now() noexcept {
    return simulated != nullptr ? simulated->now : std::chrono::steady_clock::now();
  }
};

/// A timer by that clock, which tells a simulation when it will end.
class timer : public boost::asio::basic_waitable_timer<clock> {
 public:
  explicit timer(const boost::asio::any_io_executor& executor) : basic_waitable_timer(executor) {}
  timer(const boost::asio::any_io_executor& executor, clock::duration longest) : timer(executor) {
    expires_after(longest);
  }

  void expires_after(clock::duration longest) {
    basic_waitable_timer::expires_after(longest);
    if (clock::simulated != nullptr) clock::simulated->due.push(expiry());
  }
};

/// The time of day in ms since 1970-01-01, UTC, which is what rows are told.
inline std::int64_t epoch_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace sluice::pipeline
