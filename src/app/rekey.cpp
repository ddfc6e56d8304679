#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "core/verdict.hpp"
#include "mask/masker.hpp"
#include "mask/unmask.hpp"
#include "pg/connection.hpp"
#include "pg/session.hpp"
#include "pg/table_place.hpp"

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::uint64_t batch_pages = 64;  // half a megabyte: some thousand rows, some milliseconds of locks
constexpr int passes_max = 20;
constexpr int fruitless_max = 4;  ///< passes that find nothing, while a count does
constexpr int tries_max = 5;
constexpr std::chrono::hours count_max{12};  ///< reads the whole table in one statement

/// A table, or what a partitioned one consists of.
struct part {
  std::string name;  ///< with its schema, quoted
  std::uint64_t pages = 0;
  char kind = 'r';  ///< pg_class.relkind
  bool hides_rows = false;

  bool has_pages() const noexcept { return kind == 'r' && pages > 0; }
};

/// What was found that is not under the primary key.
struct tally {
  std::uint64_t moved = 0;  ///< by all passes; in a dry run, what would be
  std::uint64_t left = 0;   ///< by the last pass: what cannot be opened
  std::optional<failure> why_left;
};

/// Moves the tokens of a column, page after page, by transactions of one statement. A pass over the table
/// does not see a row that moves behind it meanwhile, nor one that is in no page (of a foreign table, in
/// compressed or distributed storage). So passes follow each other until one finds nothing, and a count
/// through the table's own name, in one snapshot, finds nothing either: no row is left then. Row security is
/// off in each transaction, so that PostgreSQL fails where it would hide rows.
/// What is under the primary key already is not touched: that makes it safe to stop anywhere and to start
/// again.
class rekeying {
 public:
  rekeying(pg::connection& c, pg::connection& counting, const rekey_options& o, mask::rule rule,
           const mask::key_ring& keys, mask::masker masker, std::shared_ptr<const bool> stop)
      : connection_(c),
        counting_(counting),
        options_(o),
        rule_(std::move(rule)),
        keys_(keys),
        masker_(std::move(masker)),
        stop_(std::move(stop)) {}

  /// Finds the table; nothing is moved yet.
  awaitable<result<>> prepare();
  awaitable<result<>> run();
  const tally& found() const noexcept { return found_; }

 private:
  struct change {
    std::string old_tokens, new_tokens;  ///< PostgreSQL arrays
    std::uint64_t rows = 0;
    std::uint64_t left = 0;  ///< that cannot be opened
  };

  awaitable<result<std::vector<part>>> parts();
  /// Each gives the number of rows that were found to be moved.
  awaitable<result<std::uint64_t>> move(const part& p, std::uint64_t from, bool look_only);
  awaitable<result<std::uint64_t>> pass(bool look_only);
  awaitable<result<std::uint64_t>> look_at_snapshot();
  awaitable<result<std::uint64_t>> pass_or_look();
  /// Rows that are not under the primary key, wherever they are.
  awaitable<result<std::uint64_t>> count();
  /// Why pages do not show as many as `count` has found; nothing where a further pass may.
  awaitable<std::optional<failure>> explain(std::uint64_t unseen);
  std::string not_moved() const;
  change decide(const pg::rows& tokens);

  pg::connection& connection_;
  pg::connection& counting_;  ///< with a deadline for statements that read the whole table
  const rekey_options& options_;
  mask::rule rule_;
  const mask::key_ring& keys_;
  mask::masker masker_;
  std::shared_ptr<const bool> stop_;
  std::string table_;  ///< with its schema, quoted
  std::string oid_;
  tally found_;
};

/// Statement parameters. (A braced list in a coroutine is too much for g++ 12.)
std::vector<std::optional<std::string>> pair_of(std::string first, std::string second) {
  return {std::move(first), std::move(second)};
}

// Each is three statements, and all that a transaction rests on is in it: the old key may be destroyed when
// this has ended, so what it has moved must be on disk.
std::string begin_sql(const pg::connection& c) {
  return fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED; {}; SET LOCAL row_security = off; ",
                     pg::local_settings(c.options().statement_timeout));
}
std::string snapshot_sql(const pg::connection& c) {
  return fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {}; SET LOCAL row_security = off; ",
                     pg::local_settings(c.options().statement_timeout));
}
constexpr std::size_t begin_statements = 3;

constexpr std::string_view parts_sql = R"(
WITH RECURSIVE tree AS (
  SELECT $1::oid AS oid
  UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)
SELECT format('%I.%I', n.nspname, c.relname),
       CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) / current_setting('block_size')::bigint ELSE 0 END,
       c.relkind, row_security_active(c.oid)
FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2
WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid)";

failure with_rights(failure why) {
  if (why.code == sqlstate("42501"))
    why.fix = "the role needs SELECT and UPDATE on the table, and BYPASSRLS where it has row security";
  return why;
}

/// Of the name as SQL writes it: with a schema or without, quoted or not.
awaitable<result<>> rekeying::prepare() {
  const std::vector<std::optional<std::string>> written{options_.table};  // g++ 12 fails on a list here
  auto answer = co_await connection_.execute("SELECT unnest(parse_ident($1))", written);
  if (!answer) co_return std::move(answer.error().why).in("read the name of the table");
  const auto& names = answer->values;
  if (names.empty() || names.size() > 2) {
    co_return failure{errc::bad_configuration, fmt::format("{} is no table's name", options_.table),
                      "write --table TABLE, or --table SCHEMA.TABLE"};
  }
  std::string schema = names.size() == 2 ? names[0].at(0).value() : std::string();
  auto place = co_await pg::find_table(connection_, std::move(schema), names.back().at(0).value());
  if (!place) co_return place.error();
  if (!place->exists()) {
    failure why = place->missing(connection_.options());
    if (!place->mislaid) why.fix = "check --table and PGDATABASE";
    co_return why;
  }
  table_ = place->sql_name();
  oid_ = place->oid;
  auto found = co_await parts();
  co_return found ? result<>() : found.error();
}

awaitable<result<std::vector<part>>> rekeying::parts() {
  auto of = pair_of(oid_, options_.column);
  auto answer = co_await connection_.execute(parts_sql, std::move(of));
  if (!answer) co_return answer.error().why;
  std::vector<part> all;
  for (const auto& row : answer->values) {
    all.push_back({.name = row.at(0).value(),
                   .pages = std::stoull(row.at(1).value()),
                   .kind = row.at(2).value().at(0),
                   .hides_rows = row.at(3) == "t"});
    const part& p = all.back();
    if (p.hides_rows) {
      co_return failure{
          errc::schema_mismatch,
          fmt::format("row security hides rows of {} from role {}", p.name, connection_.options().user),
          fmt::format("ALTER ROLE {} BYPASSRLS, or run it as another role that sees all rows",
                      pg::quote_identifier(connection_.options().user))};
    }
  }
  if (all.empty()) {
    co_return failure{errc::schema_mismatch,
                      fmt::format("{} has no column {}", options_.table, options_.column),
                      "check --table and --column, and PGDATABASE"};
  }
  co_return all;
}

std::string rekeying::not_moved() const {
  const std::string mine = mask::key_of(rule_, keys_) + '.';
  return fmt::format("left(t.{}, {}) <> {}", pg::quote_identifier(options_.column), mine.size(),
                     pg::quote_literal(mine));
}

/// What cannot be opened stays as it is. Tokens that were opened hold nothing that an array would have to
/// quote.
rekeying::change rekeying::decide(const pg::rows& tokens) {
  change c;
  for (const auto& row : tokens.values) {
    const std::string& token = row.at(0).value();
    const std::uint64_t rows = std::stoull(row.at(1).value());
    const auto opened = mask::unmask(token, rule_, keys_);
    const auto fresh = opened ? masker_.mask(opened->value) : std::nullopt;
    if (!fresh) {
      c.left += rows;
      found_.why_left = opened.error();
      continue;
    }
    c.old_tokens += (c.rows == 0 ? "{" : ",") + token;
    c.new_tokens += (c.rows == 0 ? "{" : ",") + *fresh;
    c.rows += rows;
  }
  c.old_tokens += '}';
  c.new_tokens += '}';
  return c;
}

awaitable<result<std::uint64_t>> rekeying::move(const part& p, std::uint64_t from, bool look_only) {
  const std::string column = pg::quote_identifier(options_.column);
  const std::string pages =
      fmt::format("t.ctid >= '({},0)' AND t.ctid < '({},0)'", from, std::min(from + batch_pages, p.pages));
  std::string look = fmt::format("SELECT t.{}, count(*) FROM ONLY {} t WHERE {} AND {} GROUP BY 1", column,
                                 p.name, pages, not_moved());
  if (!look_only) look = fmt::format("{}{}; COMMIT", begin_sql(connection_), look);
  auto tokens = co_await connection_.query(look);
  if (!tokens) {
    co_await connection_.rollback();
    co_return with_rights(std::move(tokens.error().why));
  }
  const change c = decide(*tokens);
  if (c.rows == 0 || look_only) {
    found_.left += c.left;
    co_return c.rows;
  }
  // A row that was changed since is left to the next pass: its token is another.
  const std::string write = fmt::format(
      "{}UPDATE ONLY {} t SET {} = m.fresh FROM unnest({}::text[], {}::text[]) AS m(old, fresh) "
      "WHERE {} AND t.{} = m.old; COMMIT",
      begin_sql(connection_), p.name, column, pg::quote_literal(c.old_tokens),
      pg::quote_literal(c.new_tokens), pages, column);
  auto written = co_await connection_.query(write);
  if (!written) {
    co_await connection_.rollback();
    failure why = with_rights(std::move(written.error().why));
    if (why.code == sqlstate("23505")) why.fix = "two rows hold one value under two keys: delete one of them";
    co_return why;
  }
  found_.moved += written->counts.at(begin_statements);
  found_.left += c.left;
  co_return c.rows;
}

awaitable<result<std::uint64_t>> rekeying::pass(bool look_only) {
  auto all = co_await parts();
  if (!all) co_return all.error();
  std::uint64_t total = 0;
  for (const part& p : *all) total += p.pages;
  progress pages(look_only ? "looking at pages" : "rekeying pages", total, isatty(STDERR_FILENO) != 0, say);
  found_.left = 0;
  std::uint64_t found = 0;
  std::uint64_t done = 0;
  for (const part& p : *all) {
    for (std::uint64_t from = 0; from < p.pages; from += batch_pages) {
      if (*stop_) co_return failure{errc::cancelled, "stopped", "run it again to go on"};
      auto moved = co_await move(p, from, look_only);
      for (int tries = 1; !moved && classify(moved.error()) == verdict::retry && tries < tries_max; ++tries)
        moved = co_await move(p, from, look_only);
      if (!moved) co_return moved.error();
      found += *moved;
      done += std::min(batch_pages, p.pages - from);
      pages.show(done, fmt::format("{} tokens {}", grouped(look_only ? found : found_.moved),
                                   look_only ? "to move" : "moved"));
    }
  }
  pages.finish();
  co_return found;
}

awaitable<result<std::uint64_t>> rekeying::look_at_snapshot() {
  auto begun = co_await connection_.query(snapshot_sql(connection_));
  if (!begun) co_return begun.error().why;
  auto found = co_await pass(true);
  if (!found) co_return found;
  auto ended = co_await connection_.query("COMMIT");
  if (!ended) co_return ended.error().why;
  co_return found;
}

awaitable<result<std::uint64_t>> rekeying::pass_or_look() {
  if (options_.dry_run) co_return co_await look_at_snapshot();
  co_return co_await pass(false);
}

awaitable<result<std::uint64_t>> rekeying::count() {
  if (!counting_.connected()) {
    if (auto connected = co_await counting_.connect(); !connected) co_return connected.error();
  }
  const std::string sql =
      fmt::format("{}SET LOCAL statement_timeout = 0; SELECT count(*) FROM {} t WHERE {}; COMMIT",
                  snapshot_sql(counting_), table_, not_moved());
  auto counted = co_await counting_.query(sql);
  if (!counted) {
    if (*stop_) co_return failure{errc::cancelled, "stopped", "run it again to go on"};
    co_await counting_.rollback();
    co_return with_rights(std::move(counted.error().why)).in("count what is not under the primary key");
  }
  co_return std::stoull(counted->values.at(0).at(0).value());
}

awaitable<std::optional<failure>> rekeying::explain(std::uint64_t unseen) {
  const std::string sql = fmt::format(
      "{}SET LOCAL statement_timeout = 0; SELECT format('%I.%I', n.nspname, c.relname), sum(of.rows) FROM "
      "(SELECT t.tableoid AS oid, count(*) AS rows FROM {} t WHERE {} GROUP BY 1) AS of JOIN pg_class c "
      "USING "
      "(oid) JOIN pg_namespace n ON n.oid = c.relnamespace GROUP BY 1 ORDER BY 1; COMMIT",
      snapshot_sql(counting_), table_, not_moved());
  auto counted = co_await counting_.query(sql);
  if (!counted) co_await counting_.rollback();  // what keeps its rows elsewhere may have no tableoid
  auto all = co_await parts();
  if (!all) co_return all.error();
  std::string where;
  const auto add = [&](const std::string& name, std::string_view rows, bool foreign) {
    where += fmt::format("{}{} in {}{}", where.empty() ? ": " : ", ", rows, name,
                         foreign ? ", a foreign table" : "");
  };
  bool is_paged = counted.has_value();
  const pg::rows relations = counted ? *std::move(counted) : pg::rows();
  for (const auto& row : relations.values) {
    const std::string& name = row.at(0).value();
    const auto known = std::ranges::find(*all, name, &part::name);
    if (known != all->end() && known->has_pages()) continue;
    add(name, row.at(1).value(), known != all->end() && known->kind == 'f');
    is_paged = false;
  }
  if (is_paged) co_return std::nullopt;
  co_return failure{
      errc::schema_mismatch,
      fmt::format("{} values of {} are not under the primary key and not in its pages, so they were not "
                  "looked at{}",
                  grouped(unseen), options_.table, where),
      "keep the old key; rekey a foreign table at its own server; bring rows that are compressed, columnar "
      "or distributed back into plain tables, then run it again"};
}

awaitable<result<>> rekeying::run() {
  int fruitless = 0;
  for (int passes = 0; passes < passes_max; ++passes) {
    auto found = co_await pass_or_look();
    if (!found) co_return found.error();
    if (options_.dry_run) found_.moved = *found;
    if (*found > 0 && !options_.dry_run) {
      fruitless = 0;
      continue;
    }
    const auto all = co_await count();
    if (!all) co_return all.error();
    if (*all <= *found + found_.left) co_return result<>();
    const std::uint64_t unseen = *all - *found - found_.left;
    auto why = co_await explain(unseen);
    if (why) co_return *std::move(why);
    if (options_.dry_run) co_return result<>();  // they have come since
    if (++fruitless == fruitless_max) {
      co_return failure{
          errc::timed_out,
          fmt::format(
              "a count still finds {} values of {} that are not under the primary key, and {} passes over "
              "its pages found none of them",
              grouped(unseen), options_.table, fruitless),
          "keep the old key; see what changes or stores these rows, then run it again"};
    }
  }
  co_return failure{errc::timed_out,
                    fmt::format("after {} passes the table still gets tokens of other keys", passes_max),
                    "give the new ring to every sluice that writes it (SIGHUP), then run it again"};
}

/// The mask of the column in the plan, or what --domain says.
result<mask::rule> rule_for(const config& c, const rekey_options& o) {
  mask::rule rule;
  for (const record::column& column : c.plan.columns) {
    if (column.name == o.column && c.plan.table == o.table && column.mask) rule = *column.mask;
  }
  if (!o.domain.empty()) rule.domain = o.domain;
  if (rule.how != mask::scheme::aes_siv) {
    return failure{errc::bad_configuration,
                   fmt::format("column {} is masked with {}: only aes_siv can go from key to key", o.column,
                               to_string(rule.how)),
                   "the other schemes name no key in their tokens, or cannot be reversed"};
  }
  if (rule.domain.empty()) {
    return failure{errc::bad_configuration,
                   fmt::format("the plan does not mask column {} of {}", o.column, o.table),
                   "name its domain with --domain, or the plan with --config"};
  }
  return rule;
}

awaitable<result<int>> move_all(boost::asio::any_io_executor executor, const config& c,
                                const rekey_options& o) {
  const auto rule = rule_for(c, o);
  if (!rule) co_return rule.error();
  auto keys = load_keys(c);
  if (!keys) co_return keys.error();
  auto masker = mask::masker::make(*rule, *keys);
  if (!masker) co_return masker.error();
  pg::connection connection(executor, c.database);
  if (auto connected = co_await connection.connect(); !connected) co_return connected.error();
  auto patient = c.database;
  patient.statement_timeout = count_max;
  const auto counting = std::make_shared<pg::connection>(executor, std::move(patient));

  // Both outlive this frame in a handler that is on its way.
  const auto stop = std::make_shared<bool>(false);
  boost::asio::signal_set signals(executor, SIGINT, SIGTERM);
  signals.async_wait([stop, counting](boost::system::error_code error, int) {
    *stop = !error;
    if (!error) counting->close();
  });
  rekeying work(connection, *counting, o, *rule, **keys, *std::move(masker), stop);
  if (auto ready = co_await work.prepare(); !ready) co_return ready.error();
  const auto ended = co_await work.run();
  signals.cancel();

  const tally& found = work.found();
  fmt::print("{} tokens {} key {}\n", grouped(found.moved), o.dry_run ? "would move to" : "moved to",
             mask::key_of(*rule, **keys));
  if (!ended) {
    print_failure(ended.error());
    co_return exit_code::failed;
  }
  if (found.left == 0) co_return exit_code::done;
  fmt::print("{} values were left as they are\n", grouped(found.left));
  print_failure(*found.why_left);
  co_return exit_code::failed;
}

}  // namespace

int rekey(const config& c, const rekey_options& o) {
  return run_to_end(
      [&](boost::asio::any_io_executor executor) { return move_all(std::move(executor), c, o); });
}

}  // namespace sluice::app
