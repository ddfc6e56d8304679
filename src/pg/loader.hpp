#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "copy/segment.hpp"
#include "mask/sealer.hpp"
#include "pg/claims.hpp"
#include "pg/connection.hpp"
#include "pg/load_history.hpp"
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
  std::size_t left = 0;  ///< bad messages that stay in the queue (segment::is_left, or bad_messages::leave)
  bool claimed = false;  ///< the claim form was needed
  int tries = 0;         ///< COPYs of rows begun: 1 unless the ledger or the table refused some
  std::chrono::steady_clock::duration copying{};     ///< from BEGIN until COMMIT, all tries of this call
  std::chrono::steady_clock::duration committing{};  ///< COMMIT, from query to answer
  /// Of the segment's messages, those that this is about.
  std::size_t first = 0, count = SIZE_MAX;
  bool more = false;  ///< messages of the segment are still open: load again
  /// Nothing was committed, as it took too long: less will be tried, or one message was held back.
  std::optional<failure> too_slow = {};
};

struct load_options {
  /// Needed for bad_messages::dlq.
  const dead_letter_box* box = nullptr;
  /// What the loads of the same loop have shown of the table, and this one adds to. Null: nothing is known.
  load_history* history = nullptr;
  /// Of the segment's messages, those to load.
  segment_part part = {};
};

/// Loads one sealed segment, or a part of it, and commits once, whatever its rows are worth.
///
/// Fast form: one query that copies ledger and target, and one that commits when the table has taken as many
/// rows as were sent. After a conflict in the ledger, a row that the table refuses or drops (a trigger that
/// returns NULL), or when `outcome_unknown`, it rolls back and begins again in claim form, which takes the
/// keys that are not there yet, copies only their rows, and sets aside in the same transaction those that the
/// table refuses (pg::refusal_search). A message of several rows is one: all of it or nothing. Of two
/// deliveries of one message, or messages of one event (pg::claims), the first that can be a row counts.
///
/// Bad messages go where the plan says. To the quarantine: in the same transaction. To the dead-letter queue:
/// sent by `box` between the claim and the commit, so that the ledger decides; a crash in between sends them
/// once more, and what the queue does not take goes to the quarantine, or stays where there is no sealer.
/// Left in the queue: neither row nor key.
///
/// On success every message but those left is committed: as row, as set aside, or as known before. On failure
/// none is, unless the connection is closed then, which leaves it unknown: pass `outcome_unknown` next time.
/// Messages that the table has refused are marked in `s` on success, and not on failure. Never fails with
/// verdict::bad_row: what all rows meet is `errc::table_refuses`, or fatal.
///
/// `sealer` null: quarantined bodies are not kept (NULL), for plans without keys. All must outlive the call.
boost::asio::awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                                 mask::sealer* sealer, bool outcome_unknown,
                                                 load_options o = {});

}  // namespace sluice::pg
