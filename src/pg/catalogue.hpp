#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "record/plan.hpp"

namespace sluice::pg {

/// The plan's table in SQL, quoted, with its schema if the plan names one.
std::string target_name(const record::plan& p);

/// The SQL that creates the target, and its schema, if they do not exist.
std::string table_sql(const record::plan& p);
/// The SQL that creates what is missing: the target (IF NOT EXISTS), schema `sluice`, ledger, quarantine.
/// Safe to run again.
std::string init_sql(const record::plan& p);

/// Runs it, and makes ledger partitions for today and the days after.
boost::asio::awaitable<result<>> init_db(connection& c, const record::plan& p);

/// Compares the table's real columns (pg_attribute) with the plan, and looks for ledger and quarantine. Each
/// failure is one thing to mend (`schema_mismatch`): missing table (fix names `sluice init-db`), missing
/// column, wrong column type (names both), varchar too short, NOT NULL column that the plan does not write,
/// missing privilege.
boost::asio::awaitable<result<std::vector<failure>>> check_schema(connection& c, const record::plan& p);

/// What loads depend on in the target as it is.
struct target_table {
  bool row_security = false;                   ///< its policies apply to our role: COPY cannot write there
  bool may_change = false;                     ///< SELECT and UPDATE, as an upsert wants
  bool may_make_temporary = false;             ///< tables
  std::string role;                            ///< ours, quoted
  std::string database;                        ///< quoted
  bool first_is_primary = false;               ///< of `keys`
  std::vector<std::vector<std::string>> keys;  ///< the columns of each unique key that an upsert may use
  std::map<std::string, std::string> types;    ///< of its columns; of a domain, the type beneath
};
boost::asio::awaitable<result<target_table>> read_target(connection& c, const record::plan& p);

}  // namespace sluice::pg
