#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "record/plan.hpp"

namespace sluice::pg {

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

/// Ledger upkeep: partitions ahead, partitions past retention dropped. Needs only the owner's role of the
/// ledger.
boost::asio::awaitable<result<>> maintain_ledger(connection& c, int days_ahead, int retention_days);

}  // namespace sluice::pg
