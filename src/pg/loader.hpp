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
  std::string copy_target;  ///< COPY "t" ("a","b") FROM STDIN (FORMAT binary)
  std::string fast;         ///< BEGIN; COPY ledger; COPY target; COMMIT
};

struct load_report {
  std::size_t rows = 0;        ///< rows committed to the target
  std::size_t duplicates = 0;  ///< messages that an earlier commit had already taken
  std::size_t set_aside = 0;   ///< messages committed to the quarantine
  bool claimed = false;        ///< the claim form was needed
  int tries = 0;               ///< transactions begun
};

/// Loads one sealed segment in one transaction, whatever its rows are worth:
/// fast form (COPY ledger, COPY target), claim form after a ledger conflict or when `outcome_unknown`, rows
/// that the table refuses found (by line, or bisection) and set aside in the same transaction as the others.
/// On success every message of the segment is committed: as row, as quarantine entry, or as known before. On
/// failure nothing is (or, if the link broke at COMMIT, the outcome is unknown: pass `outcome_unknown` next
/// time).
///
/// `sealer` null: quarantined bodies are not kept (NULL), for plans without keys.
boost::asio::awaitable<result<load_report>> load(connection& c, const load_plan& plan, copy::segment& s,
                                                 mask::sealer* sealer, bool outcome_unknown);

}  // namespace sluice::pg
