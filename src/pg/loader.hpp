#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "copy/segment.hpp"
#include "mask/sealer.hpp"
#include "pg/connection.hpp"
#include "pg/load_plan.hpp"

namespace sluice::pg {

/// Sends messages of a segment, which are set aside, to the dead-letter queue; gives those that it does not
/// take (by their size, say). A failure means that perhaps some were sent.
using dead_letter_box = std::function<boost::asio::awaitable<result<std::vector<std::size_t>>>(
    const copy::segment&, std::vector<std::size_t>)>;

struct load_report {
  std::size_t rows = 0;        ///< rows committed to the target
  std::size_t duplicates = 0;  ///< messages that an earlier commit had already taken
  std::size_t set_aside = 0;   ///< messages committed to the quarantine, or sent to the dead-letter queue
  std::size_t left = 0;  ///< bad messages that stay in the queue (bad_messages::leave): not to be deleted
  bool claimed = false;  ///< the claim form was needed
  int tries = 0;         ///< COPYs of rows begun: 1 unless the ledger or the table refused some
  std::chrono::steady_clock::duration copying{};     ///< from BEGIN until COMMIT, all tries of this call
  std::chrono::steady_clock::duration committing{};  ///< COMMIT, from query to answer
};

/// Loads one sealed segment in one transaction, whatever its rows are worth.
///
/// Fast form: one query that copies ledger and target, and one that commits when the table has taken as many
/// rows as were sent. After a conflict in the ledger, a row that the table refuses or drops (a trigger that
/// returns NULL), or when `outcome_unknown`: claim form, which takes the keys that are not there yet, copies
/// only their rows, and sets aside in the same transaction those that the table refuses, found by the line
/// that the server names, or by halving. A message of several rows is one: all of it or nothing. Of two
/// deliveries of one message, or messages of one event (pg::claims), the first that can be a row counts.
///
/// Bad messages go where the plan says. To the quarantine: in the same transaction. To the dead-letter queue:
/// sent by `box` between the claim and the commit, so that the ledger decides; a crash in between sends them
/// once more, and what the queue does not take goes to the quarantine. Left in the queue: neither row nor
/// key.
///
/// On success every message of the segment but those left is committed: as row, as set aside, or as known
/// before. On failure nothing is; but if the connection is closed then, nobody knows: pass `outcome_unknown`
/// next time. Messages refused stay marked in `s` either way. Never fails with verdict::bad_row.
///
/// `sealer` null: quarantined bodies are not kept (NULL), for plans without keys. `box` is needed for
/// bad_messages::dlq. All must outlive the call.
boost::asio::awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                                 mask::sealer* sealer, bool outcome_unknown,
                                                 const dead_letter_box* box = nullptr);

}  // namespace sluice::pg
