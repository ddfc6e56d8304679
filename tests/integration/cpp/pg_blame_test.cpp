#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"

using namespace sluice;
using tests::messages;

namespace {

/// Whose fault a refusal is: what all rows have is the table's or the server's, what some have is theirs.
struct fixture : tests::load_fixture {
  /// Nothing is loaded nor set aside, and it may pass.
  void holds(copy::segment& s) {
    const auto got = load(s, GENERATE(false, true));
    REQUIRE_FALSE(got.has_value());
    INFO(got.error().line());
    CHECK(may_pass(classify(got.error())));
    CHECK(rows() == rows_before);
    CHECK(set_aside() == 0);
    CHECK(s.refused() == 0);
  }
  /// Before each row.
  void trigger(const std::string& body) {
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body +
           " RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  }
  std::string quarantined() {
    return db.value("SELECT coalesce(string_agg(message_id || sqlstate, ','), '') FROM sluice.quarantine");
  }
  std::int64_t rows_before = 0;
};

}  // namespace

TEST_CASE_METHOD(fixture, "a sequence at its end is the table's fault, also where some rows still fitted") {
  db.sql("ALTER TABLE target ADD COLUMN k smallserial");
  db.sql("SELECT setval('target_k_seq', " + std::string(GENERATE("32767", "32717", "32467")) + ")");
  auto s = segment(messages(0, 300));
  const bool fits = db.number("SELECT last_value FROM target_k_seq") == 32'467;
  if (fits) {
    CHECK(loaded(s).rows == 300);
    rows_before = 300;
  } else {
    holds(s);
    db.sql("ALTER SEQUENCE target_k_seq AS int MAXVALUE 100000; ALTER TABLE target ALTER k TYPE int");
    CHECK(loaded(s).rows == 300);
    return;
  }
  auto more = segment(messages(300, 300));
  holds(more);
}

TEST_CASE_METHOD(fixture, "a partition that is missing for all rows is the table's fault") {
  db.sql(
      "DROP TABLE target; CREATE TABLE target (n int, name varchar(10)) PARTITION BY RANGE (n); "
      "CREATE TABLE before PARTITION OF target FOR VALUES FROM (0) TO (100)");
  pg::load_history history;
  options.history = &history;
  auto first = segment(messages(0, 100));
  CHECK(loaded(first).rows == 100);
  rows_before = 100;
  auto s = segment(messages(100, GENERATE(1, 300)));
  holds(s);
}

TEST_CASE_METHOD(fixture, "one row of many that no partition takes is set aside alone") {
  db.sql(
      "DROP TABLE target; CREATE TABLE target (n int, name varchar(10)) PARTITION BY RANGE (n); "
      "CREATE TABLE before PARTITION OF target FOR VALUES FROM (0) TO (99)");
  auto s = segment(messages(0, 100));
  CHECK(loaded(s).rows == 99);
  CHECK(quarantined() == to_string(id(99)) + "23514");
}

TEST_CASE_METHOD(fixture, "what one row meets in a trigger is that row's, of whatever class") {
  const bool outcome_unknown = GENERATE(false, true);
  const auto [state, body] = GENERATE(table<const char*, const char*>({
      {"42704", "PERFORM to_tsvector(CASE NEW.n WHEN 42 THEN 'klingon' ELSE 'simple' END::regconfig, '');"},
      {"42P01", "IF NEW.n = 42 THEN PERFORM * FROM nowhere; END IF;"},
      {"55000", "IF NEW.n = 42 THEN PERFORM currval('s'); END IF;"},
      {"3F000", "IF NEW.n = 42 THEN EXECUTE 'CREATE TABLE nowhere.t ()'; END IF;"},
      {"22012", "IF NEW.n = 42 THEN PERFORM 1 / (NEW.n - 42); END IF;"},
  }));
  CAPTURE(state, outcome_unknown);
  db.sql("CREATE SEQUENCE s");
  trigger(body);
  auto s = segment(messages(0, 51));
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 50);
  CHECK(quarantined() == to_string(id(42)) + state);
}

TEST_CASE("one escape that a database's encoding does not have is that row's") {
  tests::pg_database db;
  boost::asio::io_context loop;
  const std::string name = "ascii_" + db.value("SELECT current_database()");
  db.sql("CREATE DATABASE " + name + " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  pg::connect_options o = db.options();
  o.database = name;
  record::plan plan;
  plan.table = "target";
  plan.columns.resize(1);
  plan.columns[0].name = "j";
  plan.columns[0].type = record::column_type::jsonb;
  {
    pg::connection c(loop.get_executor(), o);
    REQUIRE(tests::run(loop, c.connect()));
    REQUIRE(tests::run(loop, pg::init_db(c, plan)));
    const auto found = tests::run(loop, pg::read_target(c, plan)).value();
    const auto loads =
        pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, found).value();
    copy::segment s({.rows_max = 20, .row_bytes = 10'000, .body_bytes = 1'000, .handle_bytes = 1'000});
    copy::row_writer row(s.rows());
    for (int i = 0; i < 10; ++i) {
      const std::size_t at = s.rows().size();
      row.begin_row(1);
      row.jsonb(i == 4 ? R"({"k":"\u65e5"})" : R"({"k":"x"})");
      REQUIRE(row.end_row());
      REQUIRE(s.add({.message_id = tests::load_fixture::id(i), .sent_ms = 1}, at, 1));
    }
    const auto got = tests::run(loop, pg::load(c, loads, s, nullptr, false));
    INFO((got ? "" : got.error().line()));
    REQUIRE(got.has_value());
    CHECK(got->rows == 9);
    CHECK(s.slots()[4].refusal_index == 0);
    const std::string& state = s.refusal_of(s.slots()[4]).sqlstate;
    CHECK((state == "0A000" || state == "22P05"));  // of PostgreSQL 15, and of 17
    CHECK(s.refusal_of(s.slots()[4]).column == "j");
  }
  db.sql("DROP DATABASE " + name + " WITH (FORCE)");  // a pooler may hold a session
}

TEST_CASE_METHOD(fixture,
                 "an error that a message meets alone is compared with a row that was loaded before") {
  const auto [state, body] = GENERATE(table<const char*, const char*>({
      {"42P01", "PERFORM * FROM nowhere;"},
      {"XX000", "EXECUTE 'SELECT * FROM v';"},
      {"22012", "PERFORM 1 / (NEW.n - NEW.n);"},
  }));
  CAPTURE(state);
  // A view whose function is gone: the server finds that out when it runs it.
  db.sql("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW v AS SELECT g()");
  db.sql("DELETE FROM pg_proc WHERE proname = 'g'");
  trigger(std::string("IF NEW.n = 42 OR NEW.name = 'all' THEN ") + body + " END IF;");
  pg::load_history history;
  options.history = &history;
  auto alone = segment({{42}});
  holds(alone);
  auto good = segment({{1}});
  CHECK(loaded(good).rows == 1);
  auto again = segment({{42}});
  CHECK(loaded(again).set_aside == 1);
  CHECK(rows() == 1);
  CHECK(quarantined() == to_string(id(42)) + state);
}

TEST_CASE_METHOD(fixture, "what the row that was loaded before meets, too, is the table's") {
  pg::load_history history;
  options.history = &history;
  auto good = segment({{1}});
  CHECK(loaded(good).rows == 1);
  trigger("PERFORM 1 / (NEW.n - NEW.n);");
  rows_before = 1;
  auto s = segment(messages(2, GENERATE(1, 50)));
  holds(s);
}

TEST_CASE_METHOD(fixture, "more refusals in a row than the stop-line allows set nothing aside") {
  pg::load_history history;
  options.history = &history;
  auto good = segment({{1}});
  CHECK(loaded(good).rows == 1);
  db.sql("ALTER TABLE target ADD CHECK (n < 10)");
  rows_before = 1;
  SECTION("in one batch, and one at a time after it") {
    auto s = segment(messages(10, 2'500));
    holds(s);
    auto next = segment(messages(10, 1));
    holds(next);
    auto fits = segment(messages(2, 1));
    CHECK(loaded(fits).rows == 1);
    CHECK(loaded(next).set_aside == 1);
  }
  SECTION("in several batches") {
    auto first = segment(messages(10, 600));
    CHECK(loaded(first).set_aside == 600);
    auto second = segment(messages(1'000, 600));
    const auto got = load(second);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().code == errc::table_refuses);
    CHECK(set_aside() == 600);
  }
}

TEST_CASE_METHOD(fixture, "a COPY in a trigger does not say which row is refused") {
  db.sql("CREATE TABLE log (x int)");
  const std::string path = db.socket_directory() + "/rows.txt";
  db.sql("COPY (SELECT CASE g WHEN 2 THEN 'x' ELSE '1' END FROM generate_series(1, 3) g) TO '" + path + "'");
  trigger("IF NEW.n = 42 THEN EXECUTE 'COPY log FROM ''" + path + "'''; END IF;");
  auto s = segment(messages(0, 100));
  CHECK(loaded(s).rows == 99);
  CHECK(quarantined() == to_string(id(42)) + "22P02");
}

TEST_CASE_METHOD(fixture, "a part of a segment is loaded, and then the rest") {
  auto s = segment(messages(0, 100));
  options.part = {0, 40};
  pg::load_report r = loaded(s);
  CHECK(r.rows == 40);
  CHECK(r.duplicates == 0);
  CHECK(keys() == 40);
  options.part = {40, 1'000};
  r = loaded(s, GENERATE(false, true));
  CHECK(r.rows == 60);
  CHECK(r.duplicates == 0);
  CHECK(rows() == 100);
}
