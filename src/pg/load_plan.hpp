#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/failure.hpp"
#include "pg/catalogue.hpp"
#include "pg/keys.hpp"
#include "record/plan.hpp"

namespace sluice::pg {

enum class load_mode {
  exactly_once,   ///< with the ledger
  at_least_once,  ///< without
  upsert,         ///< with the ledger; of the messages with one key of the table the newest is the row
};

/// Where messages go that cannot become rows.
enum class bad_messages {
  quarantine,  ///< sluice.quarantine, sealed
  dlq,         ///< the queue's dead-letter queue, with the reason; then they are deleted
  leave,       ///< nowhere: the queue's own redrive moves them
};

/// The SQL of one target, made once from the plan.
///
/// Rows are copied straight into the table, where nothing speaks against it. Where PostgreSQL's COPY cannot
/// go (row security, or a conflict that is to be an update) they are copied into a temporary table of the
/// connection, and from there inserted by a second statement.
struct load_plan {
  static load_plan make(const record::plan& p, load_mode mode, bad_messages bad = bad_messages::quarantine);
  /// Fits it to the table as it is. `schema_mismatch` when the mode is upsert, and the table has no unique
  /// key that the plan writes, or the plan no column with the time at which a message was sent.
  result<> fit(const record::plan& p, load_mode mode, const target_table& t);

  ledger claims_in = ledger::messages;
  bad_messages bad = bad_messages::quarantine;
  bool by_event = false;             ///< rows are claimed by their business key, too
  std::string target;                ///< "schema"."table", quoted
  std::string begin;                 ///< starts the transaction
  std::size_t begin_statements = 1;  ///< in it
  std::string copy_rows;             ///< COPY ... FROM STDIN (FORMAT binary)
  std::string insert_rows;           ///< from the temporary table; empty where rows are copied straight
  std::string count_missing;         ///< of an upsert: rows whose key the table lacks, or has older
  std::string clear_rows;            ///< empties that table before the next rows
  std::vector<std::string> columns;
  bool lines_tell = true;  ///< whether the line in a COPY's context can be told from the table's name
};

}  // namespace sluice::pg
