#include "observe/history.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::observe {
namespace {

// Its count is the number of messages committed.
const std::size_t send_to_commit = static_cast<std::size_t>(
    std::ranges::find(histogram_figures(), &counters::send_to_commit, &figure<histogram>::member) -
    histogram_figures().begin());

}  // namespace

void history::record(steady_time now, const counters& c) {
  moment m{.at = now, .counts = {}, .times = {}};
  for (const auto& f : counter_figures()) m.counts.push_back((c.*f.member).get());
  for (const auto& f : histogram_figures()) m.times.push_back((c.*f.member).read());

  if (moments_.empty()) {
    moments_.push_back(std::move(m));
    moved_ = now;
    return;
  }
  const std::uint64_t before = committed();
  moments_.push_back(std::move(m));
  if (moments_.size() > recently + 1) moments_.pop_front();
  if (committed() > before || c.held.get() == 0) moved_ = now;

  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto lag = recent(send_to_commit);
  samples_.push_back({.messages_per_second = committed_rate(5),
                      .lag_p50 = lag.count() > 0 ? lag.quantile(0.5) : none,
                      .lag_p99 = lag.count() > 0 ? lag.quantile(0.99) : none,
                      .backlog = c.queue_visible.get()});
  if (samples_.size() > kept) samples_.pop_front();
}

double history::rate(std::size_t counter_index) const noexcept {
  if (moments_.empty()) return 0;
  const moment& from = moments_.front();
  return per_second(moments_.back().counts[counter_index] - from.counts[counter_index], from.at);
}

double history::committed_rate(std::size_t over) const noexcept {
  if (moments_.empty()) return 0;
  const moment& from = moments_[moments_.size() - 1 - std::min(over, moments_.size() - 1)];
  return per_second(committed() - from.times[send_to_commit].count(), from.at);
}

double history::per_second(std::uint64_t gained, steady_time since) const noexcept {
  const double seconds = std::chrono::duration<double>(moments_.back().at - since).count();
  return seconds > 0 ? static_cast<double>(gained) / seconds : 0;
}

histogram::snapshot history::recent(std::size_t histogram_index) const noexcept {
  if (moments_.empty()) return {};
  return moments_.back().times[histogram_index].since(moments_.front().times[histogram_index]);
}

std::uint64_t history::committed() const noexcept {
  return moments_.empty() ? 0 : moments_.back().times[send_to_commit].count();
}

std::chrono::seconds history::stalled(steady_time now) const noexcept {
  if (moments_.empty()) return std::chrono::seconds(0);
  return std::chrono::duration_cast<std::chrono::seconds>(now - moved_);
}

}  // namespace sluice::observe
