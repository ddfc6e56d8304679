#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "app/audit.hpp"
#include "app/commands.hpp"
#include "app/context.hpp"
#include "mask/unmask.hpp"
#include "pg/connection.hpp"
#include "pg/table_place.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::size_t tokens_max = 10'000;  // opened for one audit line

/// What was opened, and the failure that ended it.
struct opened {
  std::vector<std::string> values;
  std::optional<failure> ended_by;
};

/// Up to `tokens_max` lines. An empty one is a NULL of psql's and stays empty.
std::vector<std::string> read_tokens(std::istream& in) {
  std::vector<std::string> tokens;
  for (std::string line; tokens.size() < tokens_max && std::getline(in, line);) tokens.push_back(line);
  return tokens;
}

opened open_all(const std::vector<std::string>& tokens, const mask::rule& rule, const mask::key_ring& keys,
                audit_entry& entry) {
  opened out;
  for (const std::string& token : tokens) {
    if (token.empty()) {
      out.values.emplace_back();
      continue;
    }
    auto value = mask::unmask(token, rule, keys);
    if (!value) {
      out.ended_by = value.error();
      return out;
    }
    out.values.push_back(std::move(value->value));
    ++entry.count;
    entry.opened_with(value->key_id);
  }
  return out;
}

result<mask::rule> find_rule(const config& c, const unmask_options& o) {
  mask::rule rule;
  if (o.column.empty()) {
    const auto scheme = mask::scheme_from(o.scheme);
    if (!scheme) {
      return failure{errc::bad_configuration, fmt::format("there is no scheme '{}'", o.scheme),
                     "see sluice unmask --help"};
    }
    rule.how = *scheme;
    rule.domain = o.domain;
  } else {
    const auto planned = std::ranges::find(c.plan.columns, o.column, &record::column::name);
    if (planned == c.plan.columns.end() || !planned->mask) {
      return failure{errc::bad_configuration, fmt::format("the plan masks no column {}", o.column)};
    }
    rule = *planned->mask;
  }
  if (!o.key.empty()) rule.key = o.key;
  return rule;
}

/// What the column holds in the rows that were asked for.
awaitable<result<int>> read_column(boost::asio::any_io_executor executor, const config& c,
                                   const unmask_options& o, std::vector<std::string>& tokens) {
  std::string conditions;
  std::vector<std::optional<std::string>> values;
  for (const std::string& condition : o.where) {
    const auto equals = condition.find('=');
    if (equals == condition.npos || equals == 0) {
      co_return failure{errc::bad_configuration, "--where wants COLUMN=VALUE", "see sluice unmask --help"};
    }
    values.emplace_back(condition.substr(equals + 1));
    conditions += fmt::format("{}{} = ${}", values.size() == 1 ? " WHERE " : " AND ",
                              pg::quote_identifier(condition.substr(0, equals)), values.size());
  }
  pg::connection database(std::move(executor), c.database);
  if (auto connected = co_await database.connect(); !connected) co_return connected.error();
  const auto place = co_await pg::find_table(database, c.plan.schema, c.plan.table);
  if (!place) co_return place.error();
  if (!place->exists()) co_return place->missing(database.options());
  const std::string sql = fmt::format("SELECT {} FROM {}{} LIMIT {}", pg::quote_identifier(o.column),
                                      place->sql_name(), conditions, tokens_max + 1);
  auto found = co_await database.execute(sql, values);
  if (!found) co_return found.error().why;
  if (found->values.size() > tokens_max) {
    co_return failure{errc::bad_configuration, fmt::format("more than {} rows", tokens_max),
                      "narrow it with another --where; nothing was opened"};
  }
  for (auto& row : found->values) tokens.push_back(std::move(row[0]).value_or(std::string()));
  co_return exit_code::done;
}

/// Opens, writes to the audit log, and then shows.
int show(const config& c, const unmask_options& o, const mask::rule& rule, const mask::key_ring& keys,
         const std::vector<std::string>& tokens, std::size_t first_line) {
  std::string which = fmt::format("{} domain {}", to_string(rule.how), rule.domain);
  if (!o.column.empty()) which = fmt::format("{}.{}, {}", c.plan.table, o.column, which);
  for (const std::string& condition : o.where) which += " where " + condition;
  audit_entry entry{"unmask", std::move(which), o.reason, {}, 0};
  const opened out = open_all(tokens, rule, keys, entry);
  // Before anything is shown; an attempt that opened nothing is written down too.
  if (auto written = audit(c, entry); !written) {
    print_failure(written.error());
    return exit_code::refused;
  }
  for (const std::string& value : out.values) fmt::print("{}\n", shown(value));
  if (!out.ended_by) return exit_code::done;
  failure why = *out.ended_by;
  if (!o.token) why = std::move(why).in(fmt::format("line {}", first_line + out.values.size()));
  print_failure(why);
  return exit_code::failed;
}

}  // namespace

int unmask_values(const config& c, const unmask_options& o) {
  const auto rule = find_rule(c, o);
  auto keys = rule ? load_keys(c) : rule.error();
  if (keys && !*keys) {
    keys = failure{errc::missing_key, "there is no key ring to unmask with",
                   "set SLUICE_KEYS or SLUICE_KEYS_FILE to the ring that masked"};
  }
  if (!keys) {
    print_failure(keys.error());
    return exit_code::refused;
  }
  std::vector<std::string> tokens;
  if (o.token) tokens.push_back(*o.token);
  if (!o.where.empty()) {
    const int read = run_to_end([&](boost::asio::any_io_executor executor) {
      return read_column(std::move(executor), c, o, tokens);
    });
    if (read != exit_code::done) return read;
  }
  if (o.token || !o.where.empty()) return show(c, o, *rule, **keys, tokens, 1);
  for (std::size_t line = 1;; line += tokens.size()) {
    tokens = read_tokens(std::cin);
    if (tokens.empty()) return exit_code::done;
    if (const int shown = show(c, o, *rule, **keys, tokens, line); shown != exit_code::done) return shown;
  }
}

}  // namespace sluice::app
