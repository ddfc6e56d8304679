#pragma once

#include "observe/counters.hpp"
#include "sim/world.hpp"

namespace tests {

// Each throws std::runtime_error, which says what is wrong.

/// A process has ended by itself: whatever it has taken it must have put back, and what the queue said it had
/// deleted must be what it counted. (That each ticket has one ending is an assertion of the lane's.)
void check_end(const simulated_process& p, const sluice::observe::counters& c);

/// At the end of a run each good message is a row, once where there is a ledger; each bad one is where bad
/// messages go; and nothing was deleted before its commit.
void check(const world& w);

}  // namespace tests
