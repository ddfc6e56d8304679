#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "copy/segment.hpp"
#include "mask/sealer.hpp"
#include "pg/connection.hpp"
#include "record/plan.hpp"

namespace sluice::pg {

enum class load_mode {
  exactly_once,   ///< with the ledger
  at_least_once,  ///< without
};

/// The SQL of one target, made once from the plan.
struct load_plan {
  static load_plan make(const record::plan& p, load_mode mode);

  load_mode mode = load_mode::exactly_once;
  std::string target;       ///< "schema"."table", quoted
  std::string copy_target;  ///< COPY "schema"."table" ("a","b") FROM STDIN (FORMAT binary)
  std::vector<std::string> columns;
  bool lines_tell = true;  ///< whether the line in a COPY's context can be told from the table's name
};

struct load_report {
  std::size_t rows = 0;        ///< rows committed to the target
  std::size_t duplicates = 0;  ///< messages that an earlier commit had already taken
  std::size_t set_aside = 0;   ///< messages committed to the quarantine
  bool claimed = false;        ///< the claim form was needed
  int tries = 0;               ///< COPYs of rows begun: 1 unless the ledger or the table refused some
};

/// Loads one sealed segment in one transaction, whatever its rows are worth.
///
/// Fast form: one query that copies ledger and target. After a conflict in the ledger, a row that the table
/// refuses, or when `outcome_unknown`: claim form, which takes the keys that are not there yet, copies only
/// their rows, and sets aside in the same transaction those that the table refuses, found by the line that
/// the server names, or by halving. A message of several rows is one: all of it or nothing. Of two messages
/// with one key the first counts.
///
/// On success every message of the segment is committed: as row, as quarantine entry, or as known before. On
/// failure nothing is; but if the connection is closed then, nobody knows: pass `outcome_unknown` next time.
/// Messages refused stay marked in `s` either way. Never fails with verdict::bad_row.
///
/// `sealer` null: quarantined bodies are not kept (NULL), for plans without keys. All four must outlive the
/// call.
boost::asio::awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                                 mask::sealer* sealer, bool outcome_unknown);

}  // namespace sluice::pg
