#include "pg/catalogue.hpp"

#include "pg/table_place.hpp"
#include "pg/upkeep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using row = std::vector<std::optional<std::string>>;

bool yes(const row& r, std::size_t column) {
  return r.at(column) == "t";
}

failure mismatch(std::string what, std::string fix) {
  return {errc::schema_mismatch, std::move(what), std::move(fix)};
}

/// A column as pg_attribute has it; domains are followed to their base type, whose binary form COPY takes.
struct real_column {
  std::string type;       ///< "character varying(32)"
  std::string type_name;  ///< "varchar"
  bool is_enum = false;
  std::uint32_t length_max = 0;  ///< of varchar and char; 0 is no limit
  bool must_be_written = false;  ///< NOT NULL, and nothing else gives it a value
  bool generated = false;
};

constexpr std::string_view columns_sql = R"(
WITH RECURSIVE c AS (
  SELECT attname, atttypid AS typid, atttypmod AS typmod, attcollation AS collated, attgenerated <> '' AS generated,
         attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AS must, attidentity = 'a' AS always
  FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT attname, typbasetype, typtypmod, collated, generated, must, always
  FROM c JOIN pg_type t ON t.oid = typid WHERE typtype = 'd')
SELECT attname, format_type(typid, typmod), typname, typtype = 'e',
       CASE WHEN typname IN ('varchar', 'bpchar', '_varchar') AND typmod > 4 THEN typmod - 4 ELSE 0 END, must, generated,
       (SELECT format(' COLLATE %I.%I', n.nspname, collname) FROM pg_collation o JOIN pg_namespace n ON n.oid = collnamespace
        WHERE o.oid = c.collated AND collname <> 'default'),
       CASE WHEN typnamespace = 'pg_catalog'::regnamespace THEN format_type(typid, typmod)
            ELSE format('%I.%I', nspname, typname) END, always
FROM c JOIN pg_type t ON t.oid = typid JOIN pg_namespace s ON s.oid = typnamespace WHERE typtype <> 'd')";

/// ON CONFLICT finds a row by a unique index on plain columns that is checked at once.
constexpr std::string_view keys_sql = R"(
SELECT i.indexrelid, i.indisprimary, a.attname
FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
ORDER BY NOT i.indisprimary, i.indexrelid, k.n)";

real_column read_column(const row& r) {
  real_column c{.type = r.at(1).value(), .type_name = r.at(2).value(), .is_enum = yes(r, 3)};
  const std::string& length = r.at(4).value();
  std::from_chars(length.data(), length.data() + length.size(), c.length_max);
  c.must_be_written = yes(r, 5);
  c.generated = yes(r, 6);
  return c;
}

/// PostgreSQL's name of a type.
std::string_view type_name(record::column_type t) {
  using enum record::column_type;
  switch (t) {
    case text: return "text";
    case varchar: return "varchar";
    case smallint: return "int2";
    case integer: return "int4";
    case bigint: return "int8";
    case real: return "float4";
    case double_precision: return "float8";
    case numeric: return "numeric";
    case boolean: return "bool";
    case date: return "date";
    case timestamptz: return "timestamptz";
    case uuid: return "uuid";
    case inet: return "inet";
    case bytea: return "bytea";
    case jsonb: return "jsonb";
  }
  return {};
}

/// Whether the column's binary form is what the plan's type is written as. An array names the type of its
/// items.
bool takes(const real_column& column, const record::column& planned) {
  const std::string& name = column.type_name;
  if (planned.is_array) return name == fmt::format("_{}", type_name(planned.type));
  if (planned.is_text()) {
    return column.is_enum || name == "text" || name == "varchar" || name == "bpchar" || name == "citext";
  }
  return name == type_name(planned.type);
}

void compare(const record::plan& p, const std::string& name, const std::map<std::string, real_column>& table,
             std::vector<failure>& problems) {
  for (const record::column& c : p.columns) {
    const std::string quoted = quote_identifier(c.name);
    const auto found = table.find(c.name);
    if (found == table.end()) {
      problems.push_back(
          mismatch(fmt::format("table {} has no column {}", name, quoted),
                   fmt::format("ALTER TABLE {} ADD COLUMN {} {}", name, quoted, c.sql_type())));
      continue;
    }
    const real_column& real = found->second;
    const std::string change =
        fmt::format("change the plan, or ALTER TABLE {} ALTER COLUMN {} TYPE {}", name, quoted, c.sql_type());
    if (real.generated) {
      problems.push_back(
          mismatch(fmt::format("column {} of {} is generated", quoted, name), "leave it out of the plan"));
    } else if (!takes(real, c)) {
      problems.push_back(mismatch(
          fmt::format("column {} of {} is {}, the plan has {}", quoted, name, real.type, c.sql_type()),
          change));
    } else if (real.length_max > 0 && (c.length_max == 0 || c.length_max > real.length_max)) {
      problems.push_back(mismatch(fmt::format("column {} of {} is {}, too short for the plan's {}", quoted,
                                              name, real.type, c.sql_type()),
                                  change));
    }
  }
  for (const auto& [column, real] : table) {
    if (!real.must_be_written ||
        std::ranges::find(p.columns, column, &record::column::name) != p.columns.end())
      continue;
    problems.push_back(
        mismatch(fmt::format("column {} of {} must not be null, and the plan does not write it",
                             quote_identifier(column), name),
                 "add it to the plan, or give it a default"));
  }
}

/// What a target that is no table is (pg_class.relkind).
std::string_view kind_of(char relkind) {
  switch (relkind) {
    case 'v': return "a view";
    case 'm': return "a materialized view";
    case 'f': return "a foreign table";
    case 'S': return "a sequence";
    default: return "no table";
  }
}

/// Of the target and its partitions. A trigger that returns NULL drops the row, which is noticed; on the
/// parent of other tables it brings the row there, as before there was PARTITION BY. A hypertable's own
/// trigger does not: TimescaleDB finds the chunk before any trigger is called, and counts; its trigger raises
/// where the extension is not loaded (up to 2.23, timescaledb pull request 8804).
constexpr std::string_view target_sql = R"(
WITH parts AS (SELECT $1::oid AS oid UNION SELECT relid::oid FROM pg_partition_tree($1::oid))
SELECT relkind, has_table_privilege(t.oid, 'INSERT'),
       (SELECT count(*) > 0 FROM pg_class p JOIN parts USING (oid) WHERE p.relpersistence = 'u'),
       (SELECT count(*) > 0 FROM pg_class p JOIN parts USING (oid) WHERE p.relkind = 'f'),
       relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = t.oid)
         AND EXISTS (SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = tgfoid
                     WHERE tgrelid = t.oid AND tgenabled IN ('O', 'A') AND tgtype & 7 = 7
                       AND NOT (proname = 'insert_blocker'
                                AND starts_with(pronamespace::regnamespace::text, '_timescaledb_')))
FROM pg_class t WHERE t.oid = $1::oid)";

/// Whether it is a table that can keep what was committed; else a problem for each reason.
bool check_kind(const row& target, const std::string& name, std::vector<failure>& problems) {
  const char relkind = target.at(0).value().at(0);
  if (relkind != 'r' && relkind != 'p') {
    problems.push_back(mismatch(
        fmt::format("{} is {}, which cannot be loaded as one with the ledger", name, kind_of(relkind)),
        "name a table of this database"));
    return false;
  }
  if (yes(target, 2)) {
    problems.push_back(mismatch(
        fmt::format("table {} is unlogged: a crash of PostgreSQL empties it, with the messages gone", name),
        fmt::format("ALTER TABLE {} SET LOGGED", name)));
  }
  if (yes(target, 3)) {
    problems.push_back(mismatch(
        fmt::format("a partition of {} is a foreign table, which does not commit with the ledger", name),
        "name a table whose partitions are of this database"));
  }
  if (yes(target, 4)) {
    problems.push_back(mismatch(
        fmt::format("a trigger of {} may bring rows to its children, where they cannot be counted", name),
        "partition it with PARTITION BY, or name one of the children"));
  }
  return true;
}

/// Whether Citus keeps the table, or one of ours, in shards.
awaitable<query_result> look_for_shards(connection& c, std::vector<std::optional<std::string>> target) {
  auto found = co_await c.query("SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL");
  if (!found || !yes(found->values.at(0), 0)) co_return found;
  co_return co_await c.execute(R"(
SELECT count(*) > 0 FROM pg_catalog.pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
WHERE pg_class.oid = $1::oid OR relnamespace = to_regnamespace('sluice'))",
                               std::move(target));
}

awaitable<query_result> look_up_own(connection& c) {
  // Asked of pg_class by name: to_regclass fails where the schema may not be used.
  const std::string sql = fmt::format(R"(
SELECT to_regnamespace('sluice') IS NOT NULL, has_schema_privilege(to_regnamespace('sluice'), 'USAGE'),
       max(oid) FILTER (WHERE relname = 'ledger') IS NOT NULL,
       bool_and(has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'SELECT')) FILTER (WHERE relname = 'ledger'),
       max(oid) FILTER (WHERE relname = 'quarantine') IS NOT NULL,
       bool_and(has_table_privilege(oid, 'INSERT')) FILTER (WHERE relname = 'quarantine'),
       (SELECT count(DISTINCT proname) = {0} FROM pg_proc
         WHERE pronamespace = to_regnamespace('sluice') AND proname IN ({1})),
       (SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc
         WHERE pronamespace = to_regnamespace('sluice') AND proname IN ({1})),
       max(oid) FILTER (WHERE relname = 'business_ledger') IS NOT NULL,
       bool_and(has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'SELECT'))
         FILTER (WHERE relname = 'business_ledger')
FROM pg_class WHERE relnamespace = to_regnamespace('sluice') AND relname IN ('ledger', 'business_ledger', 'quarantine'))",
                                      upkeep_functions_count, upkeep_functions);
  co_return co_await c.execute(sql, {});
}

void check_own(const row& r, const record::plan& p, std::string_view user, std::vector<failure>& problems) {
  const std::string role = quote_identifier(user);
  if (yes(r, 0) && !yes(r, 1)) {
    problems.push_back(
        mismatch("schema sluice may not be used", fmt::format("GRANT USAGE ON SCHEMA sluice TO {}", role)));
  }
  const auto want = [&](std::size_t column, const std::string& what, std::string_view used,
                        std::string_view right) {
    if (!yes(r, column)) {
      problems.push_back(mismatch(what + " does not exist", "run sluice init-db"));
    } else if (!yes(r, column + 1)) {
      problems.push_back(
          mismatch(fmt::format("{} may not be {}", what, used), fmt::format("GRANT {} TO {}", right, role)));
    }
  };
  // With ON CONFLICT and RETURNING a ledger is read too.
  want(2, "table sluice.ledger", "written", "INSERT, SELECT ON sluice.ledger");
  if (!p.business_key.empty())
    want(8, "table sluice.business_ledger", "written", "INSERT, SELECT ON sluice.business_ledger");
  want(4, "table sluice.quarantine", "written", "INSERT ON sluice.quarantine");
  want(6, "the upkeep of the ledger", "called", "EXECUTE ON ALL FUNCTIONS IN SCHEMA sluice");
}

/// Adds what speaks against a table that is there.
awaitable<result<>> look_at(connection& c, const record::plan& p, const table_place& place,
                            std::vector<failure>& problems) {
  const std::string name = place.sql_name();
  const std::vector<std::optional<std::string>> oid{place.oid};  // g++ 12 fails on a list among temporaries
  auto found = co_await c.execute(target_sql, oid);
  if (!found) co_return std::move(found.error().why).in("look at table " + name);
  const row& target = found->values.at(0);
  if (!check_kind(target, name, problems)) co_return result<>();
  auto columns = co_await c.execute(columns_sql, oid);
  if (!columns) co_return std::move(columns.error().why).in("read the columns of " + name);
  std::map<std::string, real_column> table;
  for (const row& r : columns->values) table.emplace(r.at(0).value(), read_column(r));
  compare(p, name, table, problems);
  if (!yes(target, 1)) {
    problems.push_back(
        mismatch(fmt::format("table {} may not be written", name),
                 fmt::format("GRANT INSERT ON {} TO {}", name, quote_identifier(c.options().user))));
  }
  auto shards = co_await look_for_shards(c, oid);
  if (!shards) co_return std::move(shards.error().why).in("look for shards of " + name);
  if (yes(shards->values.at(0), 0)) {
    problems.push_back(mismatch(
        fmt::format("Citus distributes {} or the ledger: what one transaction did there is not known", name),
        fmt::format("SELECT undistribute_table('{}'), or name a table of one database", name)));
  }
  co_return result<>();
}

}  // namespace

std::string target_name(const record::plan& p) {
  return (p.schema.empty() ? "" : quote_identifier(p.schema) + ".") + quote_identifier(p.table);
}

std::string table_sql(const record::plan& p, const std::string& schema) {
  std::string sql;
  if (!p.schema.empty()) sql += fmt::format("CREATE SCHEMA IF NOT EXISTS {};\n", quote_identifier(p.schema));
  std::string columns;
  for (const record::column& c : p.columns) {
    columns += fmt::format("{}\n  {} {}", columns.empty() ? "" : ",", quote_identifier(c.name), c.sql_type());
  }
  std::string key;
  for (const std::string& name : p.key) key += (key.empty() ? "" : ", ") + quote_identifier(name);
  if (!key.empty()) columns += fmt::format(",\n  PRIMARY KEY ({})", key);
  const std::string name = table_place{.schema = schema, .table = p.table}.sql_name();
  sql += fmt::format("CREATE TABLE IF NOT EXISTS {} ({}\n);\n", name, columns);
  return sql;
}

// Not by the search path of the role that runs it: that path may begin with schema sluice, if the role is
// called so.
std::string init_sql(const record::plan& p) {
  return table_sql(p, p.schema.empty() ? "public" : p.schema) + own_sql();
}

awaitable<result<std::vector<failure>>> check_schema(connection& c, const record::plan& p) {
  auto own = co_await look_up_own(c);
  if (!own) co_return std::move(own.error().why).in("look for sluice's tables");
  const auto place = co_await find_table(c, p.schema, p.table);
  if (!place) co_return place.error();
  std::vector<failure> problems;
  const std::string& user = c.options().user;
  if (!place->usable) {
    const std::string schema = quote_identifier(place->schema);
    problems.push_back(
        mismatch(fmt::format("schema {} may not be used", place->schema),
                 fmt::format("GRANT USAGE ON SCHEMA {} TO {}", schema, quote_identifier(user))));
  } else if (!place->exists()) {
    problems.push_back(place->missing(c.options()));
  } else if (auto looked = co_await look_at(c, p, *place, problems); !looked) {
    co_return looked.error();
  }
  check_own(own->values.at(0), p, user, problems);
  co_return problems;
}

awaitable<result<target_table>> read_target(connection& c, const record::plan& p) {
  const auto place = co_await find_table(c, p.schema, p.table);
  if (!place) co_return place.error();
  if (!place->exists()) co_return place->missing(c.options());
  target_table t;
  t.name = place->sql_name();
  t.statement_timeout = c.options().statement_timeout;
  const std::string context = "look at table " + t.name;
  const std::vector<std::optional<std::string>> parameters{place->oid};
  auto rights = co_await c.execute(
      "SELECT row_security_active($1::oid), has_table_privilege($1::oid, 'SELECT') AND "
      "has_table_privilege($1::oid, 'UPDATE'), "
      "has_database_privilege(current_database(), 'TEMPORARY'), quote_ident(current_user), "
      "quote_ident(current_database())",
      parameters);
  if (!rights) co_return std::move(rights.error().why).in(context);
  const row& have = rights->values.at(0);
  t.row_security = yes(have, 0);
  t.may_change = yes(have, 1);
  t.may_make_temporary = yes(have, 2);
  t.role = have.at(3).value();
  t.database = have.at(4).value();
  auto columns = co_await c.execute(columns_sql, parameters);
  if (!columns) co_return std::move(columns.error().why).in(context);
  for (const row& r : columns->values) {
    t.types.emplace(r.at(0).value(), r.at(8).value() + r.at(7).value_or(""));
    if (yes(r, 9)) t.identity = r.at(0).value();
  }
  auto keys = co_await c.execute(keys_sql, parameters);
  if (!keys) co_return std::move(keys.error().why).in(context);
  std::string index;
  for (const row& r : keys->values) {
    if (t.keys.empty() && yes(r, 1)) t.first_is_primary = true;
    if (t.keys.empty() || r.at(0) != index) t.keys.emplace_back();
    index = r.at(0).value();
    t.keys.back().push_back(r.at(2).value());
  }
  co_return t;
}

awaitable<result<std::string>> find_other_database(connection& c) {
  const std::vector<std::optional<std::string>> ours{c.options().application_name};  // g++ 12, as above
  auto found = co_await c.execute(
      "SELECT datname FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND datname <> "
      "current_database() LIMIT 1",
      ours);
  if (!found) co_return std::move(found.error().why).in("look for sessions in other databases");
  co_return found->values.empty() ? std::string() : found->values.front().front().value_or("");
}

}  // namespace sluice::pg
