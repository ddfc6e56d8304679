#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "observe/counters.hpp"
#include "observe/figures.hpp"

namespace sluice::observe {

/// The last minutes of a run: what the status page draws, and what tells a run that does not get on.
///
/// Pure: `record` is called once a second with the time. One thread.
class history {
 public:
  using steady_time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kept = 300;     ///< samples
  static constexpr std::size_t recently = 10;  ///< samples that rates and quantiles are taken over

  struct sample {
    double messages_per_second = 0;  ///< committed, over the last five samples: batches come in bursts
    double lag_p50 = 0;  ///< send to commit, in seconds, of what was committed recently; NaN if nothing was
    double lag_p99 = 0;
    std::int64_t backlog = -1;  ///< visible in the queue; -1: unknown
  };

  /// The first call only says from where on; it makes no sample.
  void record(steady_time now, const counters& c);
  const std::deque<sample>& samples() const noexcept { return samples_; }

  /// A second's worth, over the last ten samples. 0 while there is only one.
  double rate(std::size_t counter_index) const noexcept;              ///< index in counter_figures()
  double committed_rate(std::size_t over = recently) const noexcept;  ///< messages
  /// What a histogram gained over the last ten samples.
  histogram::snapshot recent(std::size_t histogram_index) const noexcept;
  std::uint64_t committed() const noexcept;  ///< messages, since the start

  /// How long messages have been held without any being committed.
  std::chrono::seconds stalled(steady_time now) const noexcept;

 private:
  struct moment {
    steady_time at{};
    std::vector<std::uint64_t> counts;       ///< as counter_figures()
    std::vector<histogram::snapshot> times;  ///< as histogram_figures()
  };
  double per_second(std::uint64_t gained, steady_time since) const noexcept;

  std::deque<sample> samples_;
  std::deque<moment> moments_;  ///< the newest last, `recently` + 1 at most
  steady_time moved_{};         ///< when something was committed last, or nothing was held
};

}  // namespace sluice::observe
