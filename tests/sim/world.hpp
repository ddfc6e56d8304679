#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "observe/counters.hpp"
#include "observe/log.hpp"
#include "record/plan.hpp"
#include "sim/choices.hpp"
#include "support/fake_queue.hpp"
#include "support/fake_table.hpp"
#include "support/simulated_process.hpp"

namespace tests {

/// What there is in one run: time, a queue with its messages, a table, and processes between them. It is
/// well: what fails in it comes from `troubles`.
class world {
 public:
  world(const choices& c, dice& d);

  /// One message more. `good`: it can be a row.
  void put(bool good);
  /// What the table refuses whenever it is tried: the message is bad.
  void refuse(const std::string& id, row_refusal why);
  std::string key(const std::string& id) const;  ///< of an upsert

  void start(bool until_empty);
  /// All processes do what they can now; then time goes to the next moment at which something happens.
  void step();
  void step_while(const std::function<bool()>& condition);
  /// Of one process that had just begun to react to what came last.
  void crash();
  void crash_all();
  void stop_all();

  const choices chosen;
  dice& random;
  simulated_time time;
  fake_queue queue;
  fake_table table;
  std::set<std::string> bad;  ///< messages that can be no row
  std::map<std::string, row_refusal> refused_rows;
  std::map<std::string, int> event_of;  ///< good messages
  std::uint64_t crashes = 0;

  struct running {
    std::unique_ptr<sluice::observe::counters> counters;
    std::unique_ptr<simulated_process> process;
  };
  std::vector<running> processes;

 private:
  sluice::record::plan plan_;
  /// What is logged waits for nothing: what a reader that stops does to it is a matter of the thread that
  /// writes, and this simulation has one thread. See the tests of observe/line_queue.hpp and test_log.py.
  sluice::observe::logger log_{sluice::observe::log_format::text, sluice::observe::level::off};
  std::size_t steps_at_once_ = 0;
};

}  // namespace tests
