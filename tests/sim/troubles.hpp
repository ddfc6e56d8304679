#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sim/world.hpp"

namespace tests {

/// What goes wrong in a world, until `end`. Outlives the steps of it.
class troubles {
 public:
  explicit troubles(world& w);
  troubles(const troubles&) = delete;
  troubles& operator=(const troubles&) = delete;

  /// From now on all is well. What a message has cost so far is forgiven: it may be received four times more,
  /// and a good one that is not loaded by then is in the dead-letter queue.
  void end();
  bool ended() const noexcept { return !ill_; }
  std::uint64_t faults() const noexcept { return faults_; }

 private:
  using time_point = sluice::pipeline::steady_time;

  void arm_ordinary();
  void arm_queue();
  void arm_table();
  void arm_two_receives();
  void arm_outage();
  void arm_changed_table();
  void choose_rows();
  row_refusal some_refusal();
  row_refusal refusal_of_all();
  sluice::failure some_failure();
  bool is_away(time_point& until);
  std::optional<row_refusal> refuses_all();
  std::chrono::milliseconds some_delay();

  world& world_;
  bool ill_ = true;
  std::uint64_t faults_ = 0;
  time_point queue_away_until_{}, table_away_until_{}, refused_until_{};
  row_refusal refusal_;                                              ///< of all rows, until then
  std::map<std::string, time_point> too_slow_until_, locked_until_;  ///< rows
  std::map<std::string, int> received_before_;                       ///< when they ended
};

}  // namespace tests
