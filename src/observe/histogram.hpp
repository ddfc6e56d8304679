#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::observe {

/// How long things took, in buckets fixed at compile time. Bumped by any loop, read by any, without locks or
/// allocation.
///
/// Relaxed, as the counters are: a reader may see an addition in its bucket and not yet in the sum. The count
/// is made from the buckets, so these always agree with each other.
class histogram {
 public:
  using duration = std::chrono::microseconds;

  /// Upper bounds, inclusive; the last bucket, after them, has none.
  static constexpr std::array<duration, 17> bounds{
      std::chrono::milliseconds(1),   std::chrono::milliseconds(2),   std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(20),  std::chrono::milliseconds(50),
      std::chrono::milliseconds(100), std::chrono::milliseconds(200), std::chrono::milliseconds(500),
      std::chrono::seconds(1),        std::chrono::seconds(2),        std::chrono::seconds(5),
      std::chrono::seconds(10),       std::chrono::seconds(30),       std::chrono::minutes(1),
      std::chrono::minutes(5),        std::chrono::hours(1)};

  /// What it held at one moment, or gained between two.
  struct snapshot {
    std::array<std::uint64_t, bounds.size() + 1> buckets{};  ///< each alone, not added up
    std::uint64_t sum_us = 0;

    std::uint64_t count() const noexcept;
    /// The duration, in seconds, that the share `q` of all stayed within: interpolated in its bucket, and at
    /// most the last bound. 0 when there are none.
    double quantile(double q) const noexcept;
    snapshot since(const snapshot& earlier) const noexcept;
  };

  /// One that took `d`; below zero (clocks differ) counts as zero.
  template <class Rep, class Period>
  void add(std::chrono::duration<Rep, Period> d) noexcept {
    add_us(std::chrono::duration_cast<duration>(d).count());
  }
  snapshot read() const noexcept;

 private:
  void add_us(std::int64_t us) noexcept;

  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> sum_us_{0};
};

}  // namespace sluice::observe
