#include "observe/histogram.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace sluice::observe {

void histogram::add_us(std::int64_t us) noexcept {
  us = std::max<std::int64_t>(us, 0);
  const auto bucket = std::ranges::lower_bound(bounds, duration(us)) - bounds.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(static_cast<std::uint64_t>(us), std::memory_order_relaxed);
}

histogram::snapshot histogram::read() const noexcept {
  snapshot s;
  std::ranges::transform(buckets_, s.buckets.begin(),
                         [](const auto& bucket) { return bucket.load(std::memory_order_relaxed); });
  s.sum_us = sum_us_.load(std::memory_order_relaxed);
  return s;
}

std::uint64_t histogram::snapshot::count() const noexcept {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

double histogram::snapshot::quantile(double q) const noexcept {
  const auto seconds = [](duration d) { return std::chrono::duration<double>(d).count(); };
  const double wanted = q * static_cast<double>(count());
  double below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= wanted) {
      const double from = i == 0 ? 0 : seconds(bounds[i - 1]);
      return from + (seconds(bounds[i]) - from) * (wanted - below) / here;
    }
    below += here;
  }
  return buckets.back() == 0 ? 0 : seconds(bounds.back());
}

histogram::snapshot histogram::snapshot::since(const snapshot& earlier) const noexcept {
  snapshot gained;
  std::ranges::transform(buckets, earlier.buckets, gained.buckets.begin(), std::minus());
  gained.sum_us = sum_us - earlier.sum_us;
  return gained;
}

}  // namespace sluice::observe
