#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace sluice {

/// Waits between tries: exponential with full jitter, within a budget of tries and of time.
///
/// Pure: the caller brings the clock's reading. One object per thing that is tried; `reset` after a success.
class backoff {
 public:
  using duration = std::chrono::milliseconds;
  struct options {
    duration first{50};       ///< upper bound of the first wait
    duration longest{5'000};  ///< upper bound of any wait
    int tries_max = 8;        ///< including the first; 0 is no limit
    duration total_max{0};    ///< from the first failure; 0 is no limit
  };

  /// Seeds that follow one another are as good as any: they are mixed (a small one alone would give small
  /// first waits).
  backoff(options o, std::uint64_t seed)
      : options_(o), random_(static_cast<std::uint32_t>((seed + 1) * 0x9E3779B97F4A7C15U >> 32)) {}

  /// The wait before the next try, or nothing when the budget is spent. `now` only ever grows.
  std::optional<duration> next(std::chrono::steady_clock::time_point now);
  void reset() noexcept { failures_ = 0; }
  /// Nothing was tried for so long: that is not of the budget.
  void skip(std::chrono::steady_clock::duration parked) noexcept { first_failure_ += parked; }
  int failures() const noexcept { return failures_; }
  /// When the first of these was, if there are any.
  std::chrono::steady_clock::time_point since() const noexcept { return first_failure_; }

 private:
  options options_;
  std::minstd_rand random_;
  int failures_ = 0;
  std::chrono::steady_clock::time_point first_failure_{};
};

}  // namespace sluice
