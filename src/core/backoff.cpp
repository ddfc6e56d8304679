#include "core/backoff.hpp"

#include <algorithm>

namespace sluice {

std::optional<backoff::duration> backoff::next(std::chrono::steady_clock::time_point now) {
  if (failures_++ == 0) first_failure_ = now;
  if (options_.tries_max > 0 && failures_ >= options_.tries_max) return std::nullopt;
  if (options_.total_max > duration::zero() && now - first_failure_ >= options_.total_max)
    return std::nullopt;

  const int doublings = std::min(failures_ - 1, 20);
  const auto bound = std::min(options_.longest.count(), options_.first.count() << doublings);
  return duration(std::uniform_int_distribution<duration::rep>(0, bound)(random_));
}

}  // namespace sluice
