#include "observe/state.hpp"

#include <fmt/format.h>

namespace sluice::observe {
namespace {

constexpr std::chrono::seconds stall_max{60};

}  // namespace

std::vector<trouble> troubles(const state& s, const history& h, history::steady_time now) {
  std::vector<trouble> all;
  if (s.more_troubles) all = s.more_troubles();
  const counters& c = s.figures;
  if (c.databases_away.get() > 0) {
    all.push_back({"PostgreSQL does not answer", "bring it back; sluice goes on by itself, nothing is lost"});
  }
  // Some pollers may fail while others are served; none in flight means that none is.
  if (c.queues_away.get() > 0 && c.receiving.get() == 0) {
    all.push_back(
        {"SQS does not answer, or refuses", "look at the last errors; sluice tries again by itself"});
  }
  if (const auto stalled = h.stalled(now); stalled >= stall_max) {
    all.push_back(
        {fmt::format("{} messages are held, and none was committed for {} s", c.held.get(), stalled.count()),
         "look for locks on the table: pg_stat_activity, pg_locks"});
  }
  return all;
}

}  // namespace sluice::observe
