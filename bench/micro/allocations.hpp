#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace sluice::bench {

/// Calls of operator new by this program so far (allocations.cpp replaces the global ones).
std::uint64_t allocations() noexcept;

/// Reports the allocations of a benchmark's loop, for each of its iterations, as the counter `allocations`.
/// Made before the loop, destroyed after it.
class allocation_counter {
 public:
  explicit allocation_counter(benchmark::State& s) : state_(s), before_(allocations()) {}
  ~allocation_counter() {
    state_.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocations() - before_), benchmark::Counter::kAvgIterations);
  }
  allocation_counter(const allocation_counter&) = delete;
  allocation_counter& operator=(const allocation_counter&) = delete;

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

}  // namespace sluice::bench
