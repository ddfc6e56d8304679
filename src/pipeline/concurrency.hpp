#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace sluice::pipeline {

/// How many calls of one kind should be in flight: enough to hide the way to the server and back, and no
/// more, for what is in flight beyond that waits in a queue somewhere, and costs memory here.
///
/// While there is work for more calls, each answer asks for one more, which doubles the number in a round
/// trip, until answers take much longer than they did with few in flight: then server or loop has all that it
/// can do. If they take longer still, a quarter goes. Times are means over a round, which is as many answers
/// as calls were in flight when it began, of calls made since the last round ended: single ones scatter, and
/// older ones tell of an earlier number. When the number falls to the least, the server's speed is learned
/// anew. Pure; one loop.
class concurrency {
 public:
  using time = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;
  /// For more calls, for as many as there are, for fewer.
  enum class demand { more, same, less };

  concurrency(std::size_t least, std::size_t most) : least_(least), most_(most), now_(least) {}

  /// `asked` where the call's time tells the server's speed: not if it opened its connection or waited for
  /// messages.
  void answered(demand d, std::optional<time> asked, time at) noexcept {
    if (d == demand::less && now_ > least_) set(now_ - 1);
    if (d == demand::more && !slow_) set(now_ + 1);
    if (asked) measure(*asked, at);
  }
  /// There is a lot to do: begins with as many as tell the server's speed in one round.
  void begin() noexcept { set(std::max(now_, round_min)); }
  /// The peer asks for less.
  void throttled() noexcept { set(now_ / 2); }
  std::size_t get() const noexcept { return now_; }
  /// As many are in flight as `begin` begins with, or as may be.
  bool is_busy() const noexcept { return now_ >= std::min(round_min, most_); }

 private:
  static constexpr std::size_t round_min = 8;
  static constexpr duration slack = std::chrono::microseconds(500);  ///< is no sign of a queue

  void set(std::size_t n) noexcept {
    now_ = std::clamp(n, least_, most_);
    if (now_ > least_) return;
    usual_.reset();
    slow_ = false;
  }
  void measure(time asked, time at) noexcept {
    if (asked < began_) return;
    sum_ += at - asked;
    if (++answers_ < round_) return;
    const duration mean = sum_ / static_cast<duration::rep>(answers_);
    usual_ = std::min(usual_.value_or(mean), mean);
    slow_ = mean > 2 * *usual_ + slack;
    if (mean > 3 * *usual_ + 2 * slack) set(now_ * 3 / 4);
    round_ = std::max(now_, round_min);
    began_ = at;
    sum_ = {};
    answers_ = 0;
  }

  std::size_t least_, most_, now_;
  std::optional<duration> usual_;  ///< the least mean of a round, since few were in flight
  bool slow_ = false;              ///< the last round was slower than that
  time began_{};                   ///< this round
  duration sum_{};                 ///< of its answers
  std::size_t answers_ = 0;
  std::size_t round_ = round_min;  ///< answers that it takes
};

}  // namespace sluice::pipeline
