#pragma once

#include <string>

namespace sluice::pg {

/// The SQL that makes what is sluice's own, where it is missing: schema, ledgers, quarantine, the functions
/// of their upkeep, and partitions for a queue's backlog and the days ahead. Safe to run again.
std::string own_sql();

}  // namespace sluice::pg
