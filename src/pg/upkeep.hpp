#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"

namespace sluice::pg {

/// The SQL that makes what is sluice's own, where it is missing: schema, ledgers, quarantine, the functions
/// of their upkeep, and partitions for a queue's backlog and the days ahead. Safe to run again; it brings
/// what an older sluice has made up to date.
std::string own_sql();

/// The names of the functions of the upkeep, which a role that loads has to be allowed to call, as a list in
/// SQL.
constexpr std::string_view upkeep_functions =
    "'remember_retention', 'oldest_needed', 'make_partition', 'drop_partitions', 'forget_keys', "
    "'forget_events'";
constexpr int upkeep_functions_count = 6;

/// Tells the ledger for how long this queue may deliver a message: no key is forgotten before that. A plain
/// write, as a load is one. It must be told before the first message is loaded, and again within twelve
/// hours for as long as messages are; else the ledger takes the most that SQS allows, fourteen days.
boost::asio::awaitable<result<>> remember_retention(connection& c, std::string queue,
                                                    std::chrono::seconds retention);

/// Partitions for the days ahead and behind, and what is past retention forgotten, `portions_max` portions
/// of single keys at most. By transactions of their own, with short waits for locks: a step that fails (the
/// first is returned) keeps none of the others, and no load, from its work. To be tried again within days.
/// Needs no more than EXECUTE on the functions.
boost::asio::awaitable<result<>> maintain_ledger(
    connection& c, std::size_t portions_max = std::numeric_limits<std::size_t>::max());

/// What `sluice init-db` of today would have made otherwise, and cannot change while loads wait: each with
/// what to do by hand.
boost::asio::awaitable<result<std::vector<failure>>> check_layout(connection& c);

}  // namespace sluice::pg
