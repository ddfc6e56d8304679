#include "pg/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace sluice::pg {
namespace {

using boost::asio::awaitable;
using row = std::vector<std::optional<std::string>>;

std::string target_name(const record::plan& p) {
  return (p.schema.empty() ? "" : quote_identifier(p.schema) + ".") + quote_identifier(p.table);
}

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
  SELECT attname, atttypid AS typid, atttypmod AS typmod, attgenerated <> '' AS generated,
         attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AS must
  FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT attname, typbasetype, typtypmod, generated, must FROM c JOIN pg_type t ON t.oid = typid WHERE typtype = 'd')
SELECT attname, format_type(typid, typmod), typname, typtype = 'e',
       CASE WHEN typname IN ('varchar', 'bpchar', '_varchar') AND typmod > 4 THEN typmod - 4 ELSE 0 END, must, generated
FROM c JOIN pg_type t ON t.oid = typid WHERE typtype <> 'd')";

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

void compare(const record::plan& p, const std::map<std::string, real_column>& table,
             std::vector<failure>& problems) {
  const std::string name = target_name(p);
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

struct own_table {
  std::string_view name;
  std::string_view privileges;
};
/// With ON CONFLICT and RETURNING the ledger is read too.
constexpr std::array own_tables{own_table{"sluice.ledger", "INSERT, SELECT"},
                                own_table{"sluice.quarantine", "INSERT"}};

awaitable<query_result> look_up_own(connection& c) {
  // Asked of pg_class by name: to_regclass fails where the schema may not be used.
  return c.query(R"(
SELECT to_regnamespace('sluice') IS NOT NULL, has_schema_privilege(to_regnamespace('sluice'), 'USAGE'),
       max(oid) FILTER (WHERE relname = 'ledger') IS NOT NULL,
       bool_and(has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'SELECT')) FILTER (WHERE relname = 'ledger'),
       max(oid) FILTER (WHERE relname = 'quarantine') IS NOT NULL,
       bool_and(has_table_privilege(oid, 'INSERT')) FILTER (WHERE relname = 'quarantine')
FROM pg_class WHERE relnamespace = to_regnamespace('sluice') AND relname IN ('ledger', 'quarantine'))");
}

void check_own(const row& r, std::string_view user, std::vector<failure>& problems) {
  const std::string role = quote_identifier(user);
  if (yes(r, 0) && !yes(r, 1)) {
    problems.push_back(
        mismatch("schema sluice may not be used", fmt::format("GRANT USAGE ON SCHEMA sluice TO {}", role)));
  }
  for (std::size_t i = 0; i < own_tables.size(); ++i) {
    const auto& [name, privileges] = own_tables[i];
    if (!yes(r, 2 + 2 * i)) {
      problems.push_back(mismatch(fmt::format("table {} does not exist", name), "run sluice init-db"));
    } else if (!yes(r, 3 + 2 * i)) {
      problems.push_back(mismatch(fmt::format("table {} may not be written", name),
                                  fmt::format("GRANT {} ON {} TO {}", privileges, name, role)));
    }
  }
}

}  // namespace

std::string table_sql(const record::plan& p) {
  std::string sql;
  if (!p.schema.empty()) sql += fmt::format("CREATE SCHEMA IF NOT EXISTS {};\n", quote_identifier(p.schema));
  std::string columns;
  for (const record::column& c : p.columns) {
    columns += fmt::format("{}\n  {} {}", columns.empty() ? "" : ",", quote_identifier(c.name), c.sql_type());
  }
  sql += fmt::format("CREATE TABLE IF NOT EXISTS {} ({}\n);\n", target_name(p), columns);
  return sql;
}

std::string init_sql(const record::plan& p) {
  return table_sql(p) + R"(CREATE SCHEMA IF NOT EXISTS sluice;
CREATE TABLE IF NOT EXISTS sluice.ledger (
  sent_ms bigint NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (sent_ms, message_id)
) PARTITION BY RANGE (sent_ms);
CREATE TABLE IF NOT EXISTS sluice.ledger_default PARTITION OF sluice.ledger DEFAULT;
CREATE TABLE IF NOT EXISTS sluice.quarantine (
  message_id uuid NOT NULL,
  sent_ms bigint NOT NULL,
  set_aside_at timestamptz NOT NULL DEFAULT now(),
  reason text NOT NULL,
  sqlstate text,
  column_name text,
  receive_count integer NOT NULL,
  target text NOT NULL,
  body bytea,
  PRIMARY KEY (sent_ms, message_id)
);
)";
}

awaitable<result<std::vector<failure>>> check_schema(connection& c, const record::plan& p) {
  const std::string name = target_name(p);
  auto own = co_await look_up_own(c);
  if (!own) co_return std::move(own.error().why).in("look for sluice's tables");
  const std::vector<std::optional<std::string>> parameters{
      name};  // g++ 12 fails on a list among co_await's temporaries
  auto target = co_await c.execute(
      "SELECT t IS NOT NULL, has_table_privilege(t, 'INSERT'), row_security_active(t), EXISTS (SELECT FROM "
      "pg_class WHERE relpersistence = 'u' AND (oid = t OR oid IN (SELECT relid FROM pg_partition_tree(t)))) "
      "FROM to_regclass($1) AS t",
      parameters);
  if (!target) co_return std::move(target.error().why).in("look for table " + name);

  std::vector<failure> problems;
  const row& found = target->values.at(0);
  const std::string& user = c.options().user;
  if (!yes(found, 0)) {
    problems.push_back(mismatch(fmt::format("table {} does not exist at {}", name, c.options().where()),
                                "run sluice init-db"));
  } else {
    auto columns = co_await c.execute(columns_sql, parameters);
    if (!columns) co_return std::move(columns.error().why).in("read the columns of " + name);
    std::map<std::string, real_column> table;
    for (const row& r : columns->values) table.emplace(r.at(0).value(), read_column(r));
    compare(p, table, problems);
    if (!yes(found, 1)) {
      problems.push_back(mismatch(fmt::format("table {} may not be written", name),
                                  fmt::format("GRANT INSERT ON {} TO {}", name, quote_identifier(user))));
    }
    if (yes(found, 2)) {
      problems.push_back(
          mismatch(fmt::format("row security is on for {}: COPY cannot write there", name),
                   fmt::format("ALTER ROLE {} BYPASSRLS, or let it own the table", quote_identifier(user))));
    }
    if (yes(found, 3)) {
      problems.push_back(mismatch(
          fmt::format("table {} is unlogged: a crash of PostgreSQL empties it, with the messages gone", name),
          fmt::format("ALTER TABLE {} SET LOGGED", name)));
    }
  }
  check_own(own->values.at(0), user, problems);
  co_return problems;
}

}  // namespace sluice::pg
