#include "pg/upkeep.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>

#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr int days_made = 14 + 1 + 3;

struct fixture {
  tests::pg_database db;
  boost::asio::io_context loop;
  pg::connection c{loop.get_executor(), db.options()};
  record::plan plan = tests::load_fixture::target_plan();

  fixture() { REQUIRE(tests::run(loop, c.connect()).has_value()); }

  void init() {
    const auto made = tests::run(loop, pg::init_db(c, plan));
    INFO((made ? "" : made.error().line()));
    REQUIRE(made.has_value());
  }
  void tell(std::chrono::seconds retention, const std::string& queue = "https://sqs/1/q") {
    const auto told = tests::run(loop, pg::remember_retention(c, queue, retention));
    INFO((told ? "" : told.error().line()));
    REQUIRE(told.has_value());
  }
  result<> maintain() { return tests::run(loop, pg::maintain_ledger(c)); }
  void maintained() {
    const auto kept = maintain();
    INFO((kept ? "" : kept.error().line()));
    REQUIRE(kept.has_value());
  }
  std::int64_t days_kept() {
    return db.number("SELECT round((extract(epoch FROM now()) * 1000 - sluice.oldest_needed()) / 86400000)");
  }
  /// Of the days, without the default one.
  std::int64_t partitions() {
    return db.number("SELECT count(*) - 1 FROM pg_inherits WHERE inhparent = 'sluice.ledger'::regclass");
  }
  std::string partition(int day) {
    return "sluice.ledger_" + db.value("SELECT to_char((now() AT TIME ZONE 'UTC')::date + (" +
                                       std::to_string(day) + "), 'YYYYMMDD')");
  }
  bool is_there(const std::string& table) {
    return db.value("SELECT to_regclass('" + table + "') IS NOT NULL") == "t";
  }
  std::int64_t start_of(int day) {
    return db.number("SELECT (floor(extract(epoch FROM now()) / 86400)::bigint + (" + std::to_string(day) +
                     ")) * 86400000");
  }
  void make_partition(int day) {
    db.sql("CREATE TABLE " + partition(day) + " PARTITION OF sluice.ledger FOR VALUES FROM (" +
           std::to_string(start_of(day)) + ") TO (" + std::to_string(start_of(day + 1)) + ")");
  }
  void add_key(std::int64_t sent_ms) {
    db.sql("INSERT INTO sluice.ledger VALUES (" + std::to_string(sent_ms) + ", gen_random_uuid())");
  }
  void add_keys(std::int64_t from_ms, int count, const std::string& table = "sluice.ledger") {
    db.sql("INSERT INTO " + table + " SELECT " + std::to_string(from_ms) +
           " + n, gen_random_uuid() FROM generate_series(1, " + std::to_string(count) + ") n");
  }
  std::int64_t keys(const std::string& of = "sluice.ledger_default") {
    return db.number("SELECT count(*) FROM " + of);
  }
  /// As a role with no more than what guarantees.md grants it.
  void be_loader() {
    db.sql(
        "CREATE ROLE etl LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA sluice TO etl;"
        "GRANT INSERT, SELECT ON sluice.ledger TO etl; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sluice TO "
        "etl");
    connect_as_loader();
  }
  void connect_as_loader() {
    auto o = db.options();
    o.user = "etl";
    o.password = secret("p");
    c = pg::connection(loop.get_executor(), o);
    REQUIRE(tests::run(loop, c.connect()).has_value());
  }
  void drop_loader() {
    c.close();
    db.sql("DROP OWNED BY etl; DROP ROLE etl");
  }
};

/// Commits a key at a time for `how_long`, as loads do, and gives the longest that one has taken.
boost::asio::awaitable<clock_type::duration> load_keys(pg::connection& c, std::int64_t sent_ms,
                                                       const bool& done) {
  clock_type::duration longest{};
  boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
  const std::string sql =
      "BEGIN; INSERT INTO sluice.ledger VALUES (" + std::to_string(sent_ms) + ", gen_random_uuid()); COMMIT";
  while (!done) {
    const auto began = clock_type::now();
    const auto loaded = co_await c.query(sql);
    if (!loaded) throw std::runtime_error(loaded.error().why.line());
    longest = std::max(longest, clock_type::now() - began);
    pause.expires_after(2ms);
    co_await pause.async_wait(boost::asio::use_awaitable);
  }
  co_return longest;
}

boost::asio::awaitable<result<>> maintain_beside(pg::connection& c, bool& done) {
  auto kept = co_await pg::maintain_ledger(c);
  done = true;
  co_return kept;
}

}  // namespace

TEST_CASE_METHOD(fixture, "init makes partitions for the queue's retention and the days ahead") {
  init();
  CHECK(partitions() == days_made);
  for (const int day : {-14, 0, 3}) {
    add_key(start_of(day));
    add_key(start_of(day) + 86'399'999);
    CHECK(keys(partition(day)) == 2);
  }
  add_key(start_of(4));
  add_key(start_of(-15));
  CHECK(keys() == 2);
}

TEST_CASE_METHOD(fixture,
                 "upkeep makes the days behind, too, and moves their keys out of the default partition") {
  init();
  tell(14 * 24h);
  for (const int day : {-14, -2, 0, 2, 3}) db.sql("DROP TABLE " + partition(day));
  for (const int day : {-14, -2, 0, 3}) {
    add_key(start_of(day));
    add_key(start_of(day) + 86'399'999);
  }
  add_key(start_of(4));
  maintained();
  CHECK(partitions() == days_made);
  for (const int day : {-14, -2, 0, 3}) CHECK(keys(partition(day)) == 2);
  CHECK(keys() == 1);
  CHECK(keys("sluice.ledger") == 9);
}

TEST_CASE_METHOD(fixture, "the keys of a day that are many in the default partition stay there") {
  init();
  db.sql("DROP TABLE " + partition(0) + "; DROP TABLE " + partition(1));
  add_keys(start_of(0), 20'001);
  maintained();
  CHECK_FALSE(is_there(partition(0)));
  CHECK(is_there(partition(1)));
  CHECK(keys() == 20'001);
}

TEST_CASE_METHOD(fixture, "upkeep forgets what is past retention, and nothing else") {
  init();
  tell(4 * 24h);
  for (const int day : {-20, -16}) make_partition(day);
  const std::int64_t days = 86'400'000, now = db.number("SELECT (extract(epoch FROM now()) * 1000)::bigint");
  add_key(start_of(-6) - 1);
  add_key(start_of(-5));
  add_key(start_of(-20));
  add_key(now + 4 * days);
  add_key(start_of(-40));  // in the default partition
  add_key(0);              // of a queue that does not say when a message was sent
  db.sql("INSERT INTO sluice.business_ledger VALUES (0, gen_random_uuid()), (1, gen_random_uuid()), (" +
         std::to_string(now - 15 * days + 60'000) + ", gen_random_uuid()), (" +
         std::to_string(now - 15 * days - 60'000) + ", gen_random_uuid())");
  db.sql("CREATE TABLE sluice.ledger_of_somebody (LIKE sluice.ledger INCLUDING ALL)");
  maintained();
  CHECK(partitions() == 5 + 1 + 3);
  CHECK(is_there(partition(-5)));
  CHECK_FALSE(is_there(partition(-6)));
  CHECK(keys("sluice.ledger") == 3);
  CHECK(keys("sluice.business_ledger") == 2);
  CHECK(is_there("sluice.ledger_of_somebody"));
}

TEST_CASE_METHOD(fixture, "upkeep forgets single keys in portions, all of them; at a start not all at once") {
  init();
  tell(4 * 24h);
  const std::string table = GENERATE("sluice.business_ledger", "sluice.ledger_default");
  add_keys(0, 100'001, table);
  add_keys(start_of(0), 1, table == "sluice.ledger_default" ? "sluice.ledger" : table);
  REQUIRE(tests::run(loop, pg::maintain_ledger(c, 2)).has_value());
  CHECK(keys(table) > 50'000);
  maintained();
  CHECK(keys(table == "sluice.ledger_default" ? "sluice.ledger" : table) == 1);
}

TEST_CASE_METHOD(fixture, "several that start at once make everything once") {
  std::vector<std::unique_ptr<pg::connection>> others;
  for (int i = 0; i < 6; ++i) {
    others.push_back(std::make_unique<pg::connection>(loop.get_executor(), db.options()));
    REQUIRE(tests::run(loop, others.back()->connect()).has_value());
  }
  int good = 0;
  const auto count = [&](std::exception_ptr e, const result<>& r) {
    INFO((r ? "" : r.error().line()));
    CHECK((!e && r.has_value()));
    ++good;
  };
  for (const auto& other : others) boost::asio::co_spawn(loop, pg::init_db(*other, plan), count);
  loop.restart();
  loop.run();
  for (const int day : {-2, 0, 2, 3}) db.sql("DROP TABLE " + partition(day));
  for (const auto& other : others) boost::asio::co_spawn(loop, pg::maintain_ledger(*other), count);
  loop.restart();
  loop.run();
  CHECK(good == 12);
  CHECK(partitions() == days_made);
}

TEST_CASE_METHOD(fixture, "upkeep that would have to wait gives up, and may be tried again") {
  init();
  tell(4 * 24h);
  make_partition(-20);
  add_key(start_of(-20));
  db.sql("DROP TABLE " + partition(3) + "; BEGIN; SELECT * FROM sluice.ledger");
  const auto got = maintain();
  db.sql("COMMIT");
  REQUIRE_FALSE(got.has_value());
  CHECK(classify(got.error()) == verdict::retry);
  CHECK(keys(partition(-20)) == 1);
  maintained();
  CHECK(is_there(partition(3)));
  CHECK_FALSE(is_there(partition(-20)));
}

TEST_CASE_METHOD(fixture,
                 "what is past retention is emptied beside loads that never end, and dropped later") {
  init();
  tell(4 * 24h);
  make_partition(-20);
  add_keys(start_of(-20), 1'000);
  db.sql("BEGIN; INSERT INTO sluice.ledger VALUES (" + std::to_string(start_of(0)) + ", gen_random_uuid())");
  maintained();
  CHECK(keys(partition(-20)) == 0);
  db.sql("COMMIT");
  maintained();
  CHECK_FALSE(is_there(partition(-20)));
}

TEST_CASE_METHOD(fixture, "no load waits long while a default partition of many keys is looked after") {
  init();
  tell(4 * 24h);
  db.sql("DROP TABLE " + partition(-2) + "; DROP TABLE " + partition(2) + "; DROP TABLE " + partition(-1));
  make_partition(-20);
  add_keys(start_of(-20), 100'000);
  add_keys(start_of(-30), 700'000);  // to be forgotten
  add_keys(start_of(-2), 200'000);   // too many to be moved
  add_keys(start_of(-1), 15'000);    // to be moved
  db.sql("ANALYZE sluice.ledger_default");
  pg::connection loads(loop.get_executor(), db.options()), late(loop.get_executor(), db.options());
  REQUIRE(tests::run(loop, loads.connect()).has_value());
  REQUIRE(tests::run(loop, late.connect()).has_value());
  bool done = false;
  clock_type::duration today{}, behind{};
  result<> kept;
  const auto rethrow = [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  };
  boost::asio::co_spawn(loop, load_keys(loads, start_of(0), done), [&](std::exception_ptr e, auto longest) {
    rethrow(e);
    today = longest;
  });
  boost::asio::co_spawn(loop, load_keys(late, start_of(-2), done), [&](std::exception_ptr e, auto longest) {
    rethrow(e);
    behind = longest;
  });
  boost::asio::co_spawn(loop, maintain_beside(c, done), [&](std::exception_ptr e, result<> r) {
    rethrow(e);
    kept = std::move(r);
  });
  loop.restart();
  loop.run();
  INFO((kept ? "" : kept.error().line()));
  REQUIRE(kept.has_value());
  const auto ms = [](auto t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t).count(); };
  INFO("the longest that a load has waited: " << ms(today) << " ms; in the default partition " << ms(behind)
                                              << " ms");
  CHECK(today < 1s);  // of the other, which waits for a scan and a move, the machine decides
  CHECK(db.number("SELECT count(*) FROM sluice.ledger WHERE sent_ms < " + std::to_string(start_of(-6))) == 0);
  CHECK(is_there(partition(2)));
}

TEST_CASE_METHOD(
    fixture, "keys that come while the locks are waited for are seen, whatever isolation is the default") {
  init();
  db.sql("ALTER DATABASE " + db.value("SELECT current_database()") +
         " SET default_transaction_isolation = 'repeatable read'; DROP TABLE " + partition(2));
  c.close();
  REQUIRE(tests::run(loop, c.connect()).has_value());
  db.sql("BEGIN; INSERT INTO sluice.ledger VALUES (" + std::to_string(start_of(2)) + ", gen_random_uuid())");
  boost::asio::steady_timer soon(loop, 300ms);
  soon.async_wait([&](const error_code&) { db.sql("COMMIT"); });
  maintained();
  CHECK(keys(partition(2)) == 1);
}

TEST_CASE_METHOD(fixture,
                 "the ledger keeps what the queues do and a day, and fifteen where that is not known") {
  init();
  CHECK(days_kept() == 15);
  tell(4 * 24h);
  CHECK(days_kept() == 5);
  tell(24h, "another");
  CHECK(days_kept() == 5);
  SECTION("the greatest counts") {
    tell(10 * 24h, "another");
    CHECK(days_kept() == 11);
  }
  SECTION("a raise counts from then on, and what it was before it is no longer told counts as unknown") {
    tell(14 * 24h);
    CHECK(days_kept() == 15);
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '13 hours' WHERE retention_s = 1209600");
    CHECK(days_kept() == 15);
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '16 days' WHERE retention_s = 1209600");
    CHECK(days_kept() == 5);
  }
  SECTION("a queue of which nothing was told for a while may keep more by now") {
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '11 hours' WHERE queue = 'another'");
    CHECK(days_kept() == 5);
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '13 hours' WHERE queue = 'another'");
    CHECK(days_kept() == 15);
  }
  SECTION("one of which nothing was told for longer than any message lives is no more") {
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '361 hours' WHERE queue = 'another'");
    CHECK(days_kept() == 5);
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '361 hours'");
    CHECK(days_kept() == 15);
    tell(4 * 24h);
    CHECK(days_kept() == 5);
    db.sql("UPDATE sluice.queues SET told_at = now() - interval '17 days' WHERE queue = 'another'");
    tell(4 * 24h);
    CHECK(keys("sluice.queues") == 1);
  }
}

TEST_CASE_METHOD(fixture, "a role that may load can look after the ledger, and can do it no harm") {
  init();
  tell(14 * 24h);
  make_partition(-20);
  add_key(start_of(-20));
  add_key(start_of(-10));
  add_key(start_of(5));
  const auto days_before = partitions() - 1;
  be_loader();
  const auto refused = [&](const std::string& sql) {
    const auto got = tests::run(loop, c.query(sql));
    return !got && got.error().why.code == sqlstate("42501");
  };
  CHECK(refused("DELETE FROM sluice.ledger"));
  CHECK(refused("DELETE FROM sluice.queues"));
  CHECK(refused("TRUNCATE sluice.ledger"));
  for (const std::int64_t seconds :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{60}, std::int64_t{1} << 62U})
    tell(std::chrono::seconds(seconds));
  tell(60s, "");
  for (int i = 0; i < 40; ++i)
    REQUIRE(tests::run(loop, c.query("SELECT sluice.make_partition()")).has_value());
  for (const std::string call :
       {"drop_partitions(true)", "drop_partitions(false)", "drop_partitions(NULL)", "drop_partitions(true)",
        "forget_keys(NULL)", "forget_keys(9223372036854775807)", "forget_keys(-9223372036854775808)",
        "forget_events(0)", "forget_events(NULL)"}) {
    INFO(call);
    CHECK(tests::run(loop, c.query("SELECT sluice." + call)).has_value());
  }
  maintained();
  drop_loader();
  CHECK(partitions() == days_before);
  CHECK(keys("sluice.ledger") == 2);
  CHECK(days_kept() == 15);
}

TEST_CASE_METHOD(fixture,
                 "init brings what an older sluice has made up to date, and check sees what is old") {
  init();
  db.sql(
      "DROP FUNCTION sluice.remember_retention, sluice.oldest_needed, sluice.make_partition, "
      "sluice.drop_partitions, sluice.forget_keys, sluice.forget_events;"
      "DROP TABLE sluice.queues; DROP INDEX sluice.business_ledger_by_time;"
      "CREATE INDEX business_ledger_sent_ms ON sluice.business_ledger USING brin (sent_ms);"
      "CREATE FUNCTION sluice.make_partitions(first_day int, last_day int) RETURNS void LANGUAGE sql "
      "SECURITY DEFINER AS '';"
      "CREATE FUNCTION sluice.drop_partitions(retention_days int) RETURNS void LANGUAGE sql SECURITY DEFINER "
      "AS '';"
      "CREATE FUNCTION sluice.forget_events(retention_days int, count_max int) RETURNS bigint LANGUAGE sql "
      "SECURITY "
      "DEFINER AS 'SELECT 0::bigint';"
      "REVOKE ALL ON FUNCTION sluice.make_partitions, sluice.drop_partitions, sluice.forget_events FROM "
      "PUBLIC;"
      "CREATE ROLE etl LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA sluice TO etl;"
      "GRANT EXECUTE ON FUNCTION sluice.make_partitions, sluice.drop_partitions, sluice.forget_events TO "
      "etl");
  const auto seen = tests::run(loop, pg::check_schema(c, plan));
  REQUIRE(seen.has_value());
  REQUIRE(seen->size() == 1);
  CHECK(seen->front().line() == "the upkeep of the ledger does not exist; run sluice init-db");
  const auto layout = tests::run(loop, pg::check_layout(c));
  REQUIRE(layout.has_value());
  CHECK(layout->size() == 1);

  const bool is_large = GENERATE(false, true);
  if (is_large) {
    db.sql("ALTER TABLE sluice.business_ledger SET (fillfactor = 10)");
    add_keys(0, 80'000, "sluice.business_ledger");
  }
  init();
  CHECK(tests::run(loop, pg::check_schema(c, plan)).value().empty());
  CHECK(db.number("SELECT count(*) FROM pg_proc WHERE pronamespace = 'sluice'::regnamespace") == 6);
  CHECK(days_kept() == 15);
  const auto left = tests::run(loop, pg::check_layout(c));
  REQUIRE(left.has_value());
  CHECK(left->size() == (is_large ? 1 : 0));
  tell(4 * 24h);
  CHECK(days_kept() == 15);  // another, older one may have loaded meanwhile
  connect_as_loader();
  const auto kept = maintain();
  CHECK(kept.has_value() == !is_large);
  tell(4 * 24h);
  drop_loader();
}
