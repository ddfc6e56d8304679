#include "pg/table_place.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

namespace sluice::pg {
namespace {

using boost::asio::awaitable;

/// $1: a schema, or empty: the search path's. One row: of the first schema that has the table, or else of the
/// first that may be used. Of schema sluice only whether a table is there that is not one of ours.
constexpr std::string_view place_sql = R"(
SELECT f.nspname, f.oid, f.usable, pg_backend_pid(), EXISTS (
  SELECT FROM pg_class m JOIN pg_namespace s ON s.oid = m.relnamespace
  WHERE s.nspname = 'sluice' AND m.relname = $2 AND m.relkind IN ('r', 'p')
    AND m.relname !~ '^(business_)?ledger(_|$)' AND m.relname NOT IN ('quarantine', 'queues'))
FROM (SELECT) AS one LEFT JOIN LATERAL (
  SELECT n.nspname, c.oid, has_schema_privilege(n.oid, 'USAGE') AS usable
  FROM unnest(CASE WHEN $1 = '' THEN current_schemas(false) ELSE ARRAY[$1::name] END)
         WITH ORDINALITY AS path(schema, place)
  JOIN pg_namespace n ON n.nspname = path.schema
  LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = $2
  WHERE n.nspname NOT IN ('sluice', 'pg_catalog', 'information_schema') AND n.oid <> pg_my_temp_schema()
  ORDER BY c.oid IS NULL, path.place LIMIT 1) AS f ON true)";

failure changes_connections(const connect_options& o) {
  return {errc::bad_configuration,
          fmt::format("at {} the statements of one transaction come to different server connections, as by a "
                      "pooler in statement mode",
                      o.where()),
          "set pool_mode to transaction or session for this database, or connect without the pooler"};
}

/// Gives the process of the server that has the transaction, and a failure where a pooler lets none begin.
/// PgBouncer in statement mode ends a client that tries, in no way of its own. So it is asked three times,
/// each time after a statement that is answered.
awaitable<result<std::string>> begin_alone(connection& c) {
  constexpr int tries_max = 3;
  for (int tries = 1;; ++tries) {
    if (auto answers = co_await c.query("SELECT 1"); !answers) co_return answers.error().why;
    auto begun =
        co_await c.query("BEGIN; SET LOCAL search_path TO DEFAULT; SELECT pg_catalog.pg_backend_pid()");
    if (begun) co_return begun->values.at(0).at(0).value();
    const error_code code = begun.error().why.code;
    if (code != sqlstate("08P01") && code != errc::connection_closed) co_return begun.error().why;
    if (tries == tries_max) co_return changes_connections(c.options());
    if (auto connected = co_await c.connect(); !connected) co_return connected.error();
  }
}

}  // namespace

std::string table_place::sql_name() const {
  return (schema.empty() ? "" : quote_identifier(schema) + ".") + quote_identifier(table);
}

failure table_place::missing(const connect_options& o) const {
  const std::string quoted = quote_identifier(table);
  if (mislaid) {
    return {errc::schema_mismatch,
            fmt::format("table {} is in schema sluice only, which is sluice's own", quoted),
            fmt::format("ALTER TABLE sluice.{} SET SCHEMA {}", quoted,
                        quote_identifier(schema.empty() ? "public" : schema))};
  }
  if (schema.empty()) {
    return {errc::schema_mismatch,
            fmt::format("the search path of {} names no schema for table {}", o.user, quoted),
            "name one in the plan: [table] schema = \"public\""};
  }
  return {errc::schema_mismatch, fmt::format("table {} does not exist at {}", sql_name(), o.where()),
          "run sluice init-db"};
}

awaitable<result<table_place>> find_table(connection& c, std::string schema, std::string table) {
  if (schema == "sluice") {
    co_return failure{errc::bad_configuration, "schema sluice is sluice's own, and has no other table",
                      "name another schema"};
  }
  const std::string context = "look for table " + table;
  const auto session = co_await begin_alone(c);
  if (!session) co_return failure(session.error()).in(context);
  std::vector<std::optional<std::string>> names{schema, table};
  auto found = co_await c.execute(place_sql, std::move(names));
  co_await c.rollback();
  if (!found) co_return std::move(found.error().why).in(context);
  const auto& seen = found->values.at(0);
  if (seen.at(3) != *session) co_return changes_connections(c.options());
  co_return table_place{.schema = seen.at(0).value_or(std::move(schema)),
                        .table = std::move(table),
                        .oid = seen.at(1).value_or(""),
                        .usable = seen.at(2) != "f",
                        .mislaid = seen.at(4) == "t"};
}

}  // namespace sluice::pg
