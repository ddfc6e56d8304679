#include "pg/load_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "pg/catalogue.hpp"
#include "pg/connection.hpp"

namespace sluice::pg {
namespace {

constexpr std::string_view begin_sql = "BEGIN ISOLATION LEVEL READ COMMITTED";
constexpr std::string_view staging = "pg_temp.sluice_rows";

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list.append(list.empty() ? "" : ", ").append(quote_identifier(name));
  }
  return list;
}

std::string copy_into(std::string_view table, const std::vector<std::string>& columns) {
  return fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table, quoted_list(columns));
}

/// The key by which upsert finds a row: the one that the plan names, or the primary key.
result<std::vector<std::string>> upsert_key(const record::plan& p, const target_table& t,
                                            const std::string& target) {
  const auto same = [&](const std::vector<std::string>& key) {
    return std::ranges::is_permutation(key, p.key);
  };
  const bool named = !p.key.empty();
  const auto found = named ? std::ranges::find_if(t.keys, same) : t.keys.begin();
  if (found == t.keys.end() || (!named && !t.first_is_primary)) {
    const std::string what = named ? fmt::format("no unique key of {} is ({})", target, quoted_list(p.key))
                                   : fmt::format("{} has no primary key to upsert by", target);
    return failure{
        errc::schema_mismatch, what,
        fmt::format("ALTER TABLE {} ADD PRIMARY KEY (...), or name a unique key of it: [table] key = "
                    "[\"column\"]",
                    target)};
  }
  for (const std::string& name : *found) {
    const auto column = std::ranges::find(p.columns, name, &record::column::name);
    // Nulls do not conflict, so each would be one more row.
    if (column != p.columns.end() && !column->nullable) continue;
    return failure{errc::schema_mismatch,
                   fmt::format("upsert by column {} of {}: the plan leaves it out, or lets it be null",
                               quote_identifier(name), target),
                   "write it in the plan, with required = true and nullable = false"};
  }
  return *found;
}

struct upsert {
  std::string insert_rows, count_missing;
};

/// The newest of each key, of those that were copied and of the table: which one that is says the time at
/// which SQS took the message; between equals the later in the batch wins.
result<upsert> upsert_sql(const record::plan& p, const target_table& t, const load_plan& made) {
  const auto time = std::ranges::find(p.columns, record::source::sent_timestamp, &record::column::where);
  if (time == p.columns.end()) {
    return failure{
        errc::schema_mismatch,
        fmt::format("upsert into {} wants a column with the time at which a message was sent, to tell "
                    "which is newer",
                    made.target),
        "add a column with from = \"@sent_timestamp\" to the plan and the table"};
  }
  const auto key = upsert_key(p, t, made.target);
  if (!key) return key.error();
  const std::string by = quoted_list(*key), sent = quote_identifier(time->name);
  std::string changes;
  for (const std::string& name : made.columns) {
    const std::string column = quote_identifier(name);
    changes += fmt::format("{}{} = excluded.{}", changes.empty() ? "" : ", ", column, column);
  }
  const std::string list = quoted_list(made.columns);
  std::string same;
  for (const std::string& name : *key) {
    const std::string column = quote_identifier(name);
    same += fmt::format("t.{} = s.{} AND ", column, column);
  }
  return upsert{
      .insert_rows = fmt::format(
          "INSERT INTO {} AS t ({}) SELECT DISTINCT ON ({}) {} FROM {} ORDER BY {}, {} DESC, ctid DESC "
          "ON CONFLICT ({}) DO UPDATE SET {} WHERE t.{} IS NULL OR t.{} <= excluded.{}",
          made.target, list, by, list, staging, by, sent, by, changes, sent, sent, sent),
      .count_missing = fmt::format(
          "SELECT count(*) FROM (SELECT {}, max({}) AS {} FROM {} GROUP BY {}) s WHERE NOT EXISTS "
          "(SELECT FROM {} t WHERE {}t.{} >= s.{})",
          by, sent, sent, staging, by, made.target, same, sent, sent)};
}

}  // namespace

load_plan load_plan::make(const record::plan& p, load_mode mode, bad_messages bad) {
  load_plan made;
  if (mode == load_mode::at_least_once) made.claims_in = ledger::none;
  made.by_event = made.claims_in != ledger::none && !p.business_key.empty();
  made.bad = bad;
  made.target = target_name(p);
  made.begin = begin_sql;
  for (const record::column& c : p.columns) made.columns.push_back(c.name);
  made.copy_rows = copy_into(made.target, made.columns);
  made.lines_tell = p.table.find(',') == p.table.npos;
  return made;
}

result<> load_plan::fit(const record::plan& p, load_mode mode, const target_table& t) {
  if (mode != load_mode::upsert && !t.row_security) return {};
  if (mode == load_mode::upsert && !t.may_change) {
    return failure{errc::schema_mismatch,
                   fmt::format("table {} may not be read and changed, as an upsert does", target),
                   fmt::format("GRANT SELECT, UPDATE ON {} TO {}", target, t.role)};
  }
  if (!t.may_make_temporary) {
    return failure{errc::schema_mismatch,
                   fmt::format("no temporary table may be made, through which rows come to {}", target),
                   fmt::format("GRANT TEMPORARY ON DATABASE {} TO {}", t.database, t.role)};
  }
  const std::string list = quoted_list(columns);
  if (mode == load_mode::upsert) {
    auto sql = upsert_sql(p, t, *this);
    if (!sql) return sql.error();
    insert_rows = std::move(sql->insert_rows);
    count_missing = std::move(sql->count_missing);
  } else {
    insert_rows = fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", target, list, list, staging);
  }
  std::string definition;
  for (const std::string& name : columns) {
    definition +=
        fmt::format("{}{} {}", definition.empty() ? "" : ", ", quote_identifier(name), t.types.at(name));
  }
  // Made once for each connection: a table for each transaction would bloat the catalogue.
  begin = fmt::format("{}; CREATE TEMPORARY TABLE IF NOT EXISTS sluice_rows ({}) ON COMMIT DELETE ROWS",
                      begin_sql, definition);
  begin_statements = 2;
  copy_rows = copy_into(staging, columns);
  clear_rows = fmt::format("DELETE FROM {}", staging);
  lines_tell = true;
  return {};
}

}  // namespace sluice::pg
