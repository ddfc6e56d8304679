#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "pg/connection.hpp"

namespace sluice::pg {

/// Where a table is, or where it would be made. Names are not quoted.
struct table_place {
  std::string schema{};  ///< empty: no schema of the search path will do
  std::string table{};   ///< its name
  std::string oid{};     ///< empty: it does not exist
  bool usable = true;    ///< whether the role may use the schema
  bool mislaid = false;  ///< schema sluice has a table of this name that is not sluice's own

  bool exists() const noexcept { return !oid.empty(); }
  std::string sql_name() const;  ///< "schema"."table", quoted
  /// Why it cannot be used, or be made there; for an existing table why it is not found.
  failure missing(const connect_options& o) const;
};

/// Looks a table up, so that from then on statements name it with its schema. In the schema that is given, or
/// else by the whole search path as server, database, role and connection options have it, not as another
/// client of a pooled connection has left it. Never among temporary tables, and never in schema `sluice`,
/// which is ours, and which a role named sluice has in its path ("$user").
///
/// It does so in a transaction of several queries, and so finds out whether all of them come to one server
/// connection. A pooler that gives each statement another is `bad_configuration`; so is schema `sluice`.
boost::asio::awaitable<result<table_place>> find_table(connection& c, std::string schema, std::string table);

}  // namespace sluice::pg
