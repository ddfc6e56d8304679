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

/// The SQL of one target as it is, made once from the plan. All of it names things with their schema, and
/// each transaction sets for itself what it rests on (`local_settings`): it does not matter which session
/// runs it.
///
/// Rows are copied straight into the table, where nothing speaks against it. Where PostgreSQL's COPY cannot
/// go (row security, or a conflict that is to be an update) they are copied into a temporary table of the
/// transaction, and from there inserted by a second statement.
struct load_plan {
  /// `schema_mismatch` when the mode is upsert, and the table has no unique key that the plan writes, or the
  /// plan no column with the time at which a message was sent, or one that cannot be changed.
  static result<load_plan> make(const record::plan& p, load_mode mode, bad_messages bad,
                                const target_table& t);

  ledger claims_in = ledger::messages;
  bad_messages bad = bad_messages::quarantine;
  bool by_event = false;             ///< rows are claimed by their business key, too
  std::string target;                ///< "schema"."table", quoted
  std::string label;                 ///< the table as the plan names it: what the quarantine knows it by
  std::string begin;                 ///< starts the transaction
  std::size_t begin_statements = 2;  ///< in it
  std::string copy_rows;             ///< COPY ... FROM STDIN (FORMAT binary)
  std::string insert_rows;           ///< from the temporary table; empty where rows are copied straight
  std::string count_missing;         ///< of an upsert: rows whose key the table lacks, or has older
  std::string clear_rows;            ///< empties that table before the next rows
  std::vector<std::string> columns;
  std::string masked;       ///< the fields that the plan masks, one on each line
  std::string copied_into;  ///< the name of the relation in a COPY's context

 private:
  result<> stage(const record::plan& p, load_mode mode, const target_table& t);
};

}  // namespace sluice::pg
