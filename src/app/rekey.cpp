#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
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

namespace sluice::app {
namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

constexpr std::uint64_t batch_pages = 64;  // half a megabyte: some thousand rows, some milliseconds of locks
constexpr int passes_max = 20;
constexpr int tries_max = 5;

/// A table, or each leaf of a partitioned one.
struct part {
  std::string name;  ///< quoted
  std::uint64_t pages = 0;
};

/// What was found that is not under the primary key.
struct tally {
  std::uint64_t moved = 0;  ///< by all passes; in a dry run, what would be
  std::uint64_t left = 0;   ///< by the last pass: what cannot be opened
  std::optional<failure> why_left;
};

/// Moves the tokens of a column, page after page, by transactions of one statement. A pass over the table
/// does not see a row that moves behind it meanwhile, so passes follow each other until one finds nothing,
/// and one more, that looks at a single snapshot, finds nothing either: the old key may be destroyed then.
/// What is under the primary key already is not touched: that makes it safe to stop anywhere and to start
/// again.
class rekeying {
 public:
  rekeying(pg::connection& c, const rekey_options& o, mask::rule rule, const mask::key_ring& keys,
           mask::masker masker, std::shared_ptr<const bool> stop)
      : connection_(c),
        options_(o),
        rule_(std::move(rule)),
        keys_(keys),
        masker_(std::move(masker)),
        stop_(std::move(stop)) {}

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
  change decide(const pg::rows& tokens);

  pg::connection& connection_;
  const rekey_options& options_;
  mask::rule rule_;
  const mask::key_ring& keys_;
  mask::masker masker_;
  std::shared_ptr<const bool> stop_;
  tally found_;
};

/// Statement parameters. (A braced list in a coroutine is too much for g++ 12.)
std::vector<std::optional<std::string>> pair_of(std::string first, std::string second) {
  return {std::move(first), std::move(second)};
}

constexpr std::string_view parts_sql = R"(
WITH RECURSIVE tree AS (
  SELECT to_regclass($1)::oid AS oid
  UNION ALL SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)
SELECT c.oid::regclass, pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2
WHERE c.relkind = 'r' ORDER BY 1)";

awaitable<result<std::vector<part>>> rekeying::parts() {
  auto names = pair_of(options_.table, options_.column);
  auto answer = co_await connection_.execute(parts_sql, std::move(names));
  if (!answer) co_return answer.error().why;
  std::vector<part> all;
  for (const auto& row : answer->values) all.push_back({row.at(0).value(), std::stoull(row.at(1).value())});
  if (all.empty()) {
    co_return failure{errc::schema_mismatch,
                      fmt::format("there is no table {} with a column {}", options_.table, options_.column),
                      "check --table and --column, and PGDATABASE"};
  }
  co_return all;
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
  const std::string mine = mask::key_of(rule_, keys_) + '.';
  const std::string look =
      fmt::format("SELECT t.{0}, count(*) FROM ONLY {1} t WHERE {2} AND left(t.{0}, {3}) <> {4} GROUP BY 1",
                  column, p.name, pages, mine.size(), pg::quote_literal(mine));
  auto tokens = co_await connection_.query(look);
  if (!tokens) co_return tokens.error().why;
  change c = decide(*tokens);
  if (c.rows == 0 || look_only) {
    found_.left += c.left;
    co_return c.rows;
  }
  // A row that was changed since is left to the next pass: its token is another.
  const std::string write = fmt::format(
      "UPDATE ONLY {1} t SET {0} = m.fresh FROM unnest($1::text[], $2::text[]) AS m(old, fresh) "
      "WHERE {2} AND t.{0} = m.old",
      column, p.name, pages);
  auto tokens_of = pair_of(std::move(c.old_tokens), std::move(c.new_tokens));
  auto written = co_await connection_.execute(write, std::move(tokens_of));
  if (!written) {
    failure why = written.error().why;
    if (why.code == sqlstate("23505")) why.fix = "two rows hold one value under two keys: delete one of them";
    co_return why;
  }
  found_.moved += written->affected;
  found_.left += c.left;
  co_return c.rows;
}

awaitable<result<std::uint64_t>> rekeying::pass(bool look_only) {
  auto all = co_await parts();
  if (!all) co_return all.error();
  std::uint64_t total = 0;
  for (const part& p : *all) total += p.pages;
  progress pages(look_only ? "looking at pages" : "rekeying pages", total, isatty(STDERR_FILENO) != 0);
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
  auto begun = co_await connection_.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  if (!begun) co_return begun.error().why;
  auto found = co_await pass(true);
  if (!found) co_return found;
  auto ended = co_await connection_.query("COMMIT");
  if (!ended) co_return ended.error().why;
  co_return found;
}

awaitable<result<>> rekeying::run() {
  if (options_.dry_run) {
    const auto found = co_await look_at_snapshot();
    if (!found) co_return found.error();
    found_.moved = *found;
    co_return result<>();
  }
  for (int passes = 0; passes < passes_max; ++passes) {
    auto found = co_await pass(false);
    if (found && *found == 0) found = co_await look_at_snapshot();
    if (!found) co_return found.error();
    if (*found == 0) co_return result<>();
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

  const auto stop = std::make_shared<bool>(false);  // outlives this frame in a handler that is on its way
  boost::asio::signal_set signals(executor, SIGINT, SIGTERM);
  signals.async_wait([stop](boost::system::error_code error, int) { *stop = !error; });
  rekeying work(connection, o, *rule, **keys, *std::move(masker), stop);
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
