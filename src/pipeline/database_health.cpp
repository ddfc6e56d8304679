#include "pipeline/database_health.hpp"

#include <algorithm>

namespace sluice::pipeline {

std::size_t database_health::room_locked() const noexcept {
  if (now() != state::trial) return 0;
  const auto taken = static_cast<std::size_t>(std::max<std::int64_t>(held_.get(), 0)) + permitted_;
  return allowed_ > taken ? allowed_ - taken : 0;
}

std::size_t database_health::room() const {
  const std::lock_guard lock(mutex_);
  return room_locked();
}

std::chrono::steady_clock::duration database_health::failing_for(time now) const {
  const std::lock_guard lock(mutex_);
  return failing_since_ ? now - *failing_since_ : std::chrono::steady_clock::duration::zero();
}

void database_health::begin_trial() {
  state_ = state::trial;
  allowed_ = 1;
  trial_began_ = proofs_;
}

void database_health::failed(std::uint64_t proofs_before, time now) {
  const std::lock_guard lock(mutex_);
  if (!failing_since_) failing_since_ = now;
  if (proofs_ != proofs_before || state_ == state::away) return;
  if (state_ == state::trial && proofs_ == trial_began_) return;  // what is on trial is being tried
  if (state_ == state::trusted) given_back_ = false;
  state_ = state::away;
}

void database_health::loaded(std::size_t rows) {
  const std::lock_guard lock(mutex_);
  failing_since_.reset();
  if (rows > 0) ++proofs_;
  if (state_ == state::trusted) return;
  if (rows == 0) {
    allowed_ = std::max(allowed_, std::min(2 * allowed_, rowless_max));
    return;
  }
  // What was held all the time has cost nothing yet.
  if (state_ == state::away && !given_back_) {
    state_ = state::trusted;
    return;
  }
  if (state_ == state::away) begin_trial();
  allowed_ *= 2;
  if (allowed_ > trial_max) state_ = state::trusted;
}

database_health::next database_health::gave_up(bool on_trial) {
  const std::lock_guard lock(mutex_);
  if (state_ == state::trusted) return next::give_back;
  if (on_trial) {
    if (state_ == state::trial) ++allowed_;
    return next::keep;
  }
  given_back_ = true;
  return next::give_back_and_probe;
}

void database_health::answered() {
  const std::lock_guard lock(mutex_);
  if (state_ == state::away) begin_trial();
}

// No load that failed is left, and none brought rows: one message more is let in, to try again.
void database_health::ended() {
  const std::lock_guard lock(mutex_);
  failing_.sub();
  if (state_ == state::away && failing_.get() == 0) begin_trial();
}

void database_health::permit::take(database_health& of, std::size_t most) {
  release();
  messages_ = most;
  if (of.trusted()) return;
  const std::lock_guard lock(of.mutex_);
  if (of.trusted()) return;
  messages_ = std::min(most, of.room_locked());
  of.permitted_ += messages_;
  of_ = &of;
}

void database_health::permit::release() {
  if (of_ != nullptr) {
    const std::lock_guard lock(of_->mutex_);
    of_->permitted_ -= messages_;
  }
  of_ = nullptr;
  messages_ = 0;
}

}  // namespace sluice::pipeline
