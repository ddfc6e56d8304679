#pragma once

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/wait_traits.hpp>
#include <chrono>

namespace sluice::pipeline {

/// The clock of the pipeline: steady_clock, or, on a thread that simulates, a time that only the simulation
/// moves.
struct clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  /// A simulation of this thread: the time, which it alone moves, and when the next timer is due.
  struct simulation {
    time_point now{};
    time_point next_due = time_point::max();
  };
  static inline thread_local simulation* simulated = nullptr;

  static time_point now() noexcept {
    return simulated != nullptr ? simulated->now : std::chrono::steady_clock::now();
  }
};

/// Under simulation a timer asks the loop to look again at once, and notes when it is due.
struct wait_traits {
  static clock::duration to_wait_duration(const clock::duration& d) {
    if (clock::simulated == nullptr) return d;
    clock::simulated->next_due = std::min(clock::simulated->next_due, clock::simulated->now + d);
    return clock::duration::zero();
  }
  static clock::duration to_wait_duration(const clock::time_point& t) {
    return to_wait_duration(t - clock::now());
  }
};

using timer = boost::asio::basic_waitable_timer<clock, wait_traits>;

}  // namespace sluice::pipeline
