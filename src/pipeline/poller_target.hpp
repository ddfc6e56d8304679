#pragma once

#include <algorithm>
#include <cstddef>

namespace sluice::pipeline {

/// How many pollers should be receiving: follows how full their replies are. Pure.
class poller_target {
 public:
  poller_target(std::size_t least, std::size_t most) : least_(least), most_(most), now_(least) {}

  /// A reply came with `messages` of at most ten. Full ones ask for one more poller, empty ones for one less.
  void replied(std::size_t messages) noexcept {
    if (messages >= 10) now_ = std::min(now_ + 1, most_);
    if (messages == 0) now_ = std::max(now_ - 1, least_);
  }
  /// The peer asks for less.
  void throttled() noexcept { now_ = std::max(now_ / 2, least_); }
  std::size_t get() const noexcept { return now_; }

 private:
  std::size_t least_, most_, now_;
};

}  // namespace sluice::pipeline
