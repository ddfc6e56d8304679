#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "record/plan.hpp"

namespace sluice::pg {

/// The plan's table as the plan names it, quoted, with its schema if the plan has one. By this name the
/// quarantine knows it; statements take the one that was found (`table_place`).
std::string target_name(const record::plan& p);

/// The SQL that creates the target in this schema, or without one in the first of the search path, if it does
/// not exist; before it the schema, if the plan names one.
std::string table_sql(const record::plan& p, const std::string& schema);
/// The SQL that creates what is missing, to be run by hand: the target (IF NOT EXISTS) in the
/// plan's schema, or public; schema `sluice`, ledger, quarantine. Safe to run again.
std::string init_sql(const record::plan& p);

/// Creates what is missing, and ledger partitions for today and the days after. The target is looked for by
/// `find_table`, and made only where it is nowhere.
boost::asio::awaitable<result<>> init_db(connection& c, const record::plan& p);

/// Compares the table's real columns (pg_attribute) with the plan, and looks for ledger and quarantine. Each
/// failure is one thing to correct (`schema_mismatch`): missing table (fix names `sluice init-db`), missing
/// column, wrong column type (names both), varchar too short, NOT NULL column that the plan does not write,
/// missing privilege.
boost::asio::awaitable<result<std::vector<failure>>> check_schema(connection& c, const record::plan& p);

/// Another database of this server with a session of our application_name: who loads one queue has the same
/// name everywhere. Empty if there is none. (pg_stat_activity shows this much to every role.)
boost::asio::awaitable<result<std::string>> find_other_database(connection& c);

/// What loads depend on in the target as it is.
struct target_table {
  std::string name;                            ///< in SQL: "schema"."table"
  bool row_security = false;                   ///< its policies apply to our role: COPY cannot write there
  bool may_change = false;                     ///< SELECT and UPDATE, as an upsert wants
  bool may_make_temporary = false;             ///< tables
  std::string role;                            ///< ours, quoted
  std::string database;                        ///< quoted
  bool first_is_primary = false;               ///< of `keys`
  std::vector<std::vector<std::string>> keys;  ///< the columns of each unique key that an upsert may use
  std::map<std::string, std::string> types;    ///< of its columns, in SQL; of a domain, the type beneath
  std::string identity;                        ///< the column that is GENERATED ALWAYS AS IDENTITY, or none
  std::chrono::milliseconds statement_timeout{60'000};  ///< of the connections
};
boost::asio::awaitable<result<target_table>> read_target(connection& c, const record::plan& p);

}  // namespace sluice::pg
