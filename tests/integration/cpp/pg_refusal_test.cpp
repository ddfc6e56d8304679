#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <set>

#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"
#include "support/seed.hpp"

using namespace sluice;
using tests::load_fixture;
using tests::messages;

namespace {

/// What the quarantine says of message `number`: SQLSTATE and column.
struct refusal_seen {
  std::string sqlstate, column;
  bool operator==(const refusal_seen&) const = default;
};

struct fixture : load_fixture {
  /// Loads 0..99, of which the table refuses `bad` alone, in either form, and says what the quarantine has.
  refusal_seen refuses(int bad, bool outcome_unknown, std::vector<tests::message> list) {
    auto s = segment(list);
    const pg::load_report r = loaded(s, outcome_unknown);
    INFO("tries " << r.tries);
    CHECK(r.rows == 99);
    CHECK(r.set_aside == 1);
    CHECK(rows() == 99);
    CHECK(keys() == 100);
    CHECK(db.number("SELECT count(*) FROM target WHERE n = " + std::to_string(bad)) == 0);
    CHECK(s.slots()[static_cast<std::size_t>(bad)].refusal_index == 0);
    const auto found = db.sql("SELECT message_id, reason, sqlstate, column_name FROM sluice.quarantine");
    REQUIRE(found.size() == 1);
    CHECK(found[0][0] == to_string(id(bad)));
    CHECK(found[0][1] == "refused_by_table");
    return {found[0][2].value_or(""), found[0][3].value_or("")};
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a row that the table refuses is set aside alone") {
  const bool outcome_unknown = GENERATE(false, true);
  const int bad = GENERATE(0, 42, 99);
  CAPTURE(outcome_unknown, bad);
  auto list = messages(0, 100);
  tests::message& culprit = list[static_cast<std::size_t>(bad)];
  const std::string number = std::to_string(bad);
  const auto seen = [&] { return refuses(bad, outcome_unknown, list); };

  SECTION("22001: too long") {
    culprit.name = "longer than ten";
    CHECK(seen() == refusal_seen{"22001", "name"});
  }
  SECTION("22P02: no label of an enum") {
    db.sql(
        "CREATE TYPE word AS ENUM ('good', 'fine'); ALTER TABLE target ALTER name TYPE word USING "
        "name::word");
    culprit.name = "bad";
    CHECK(seen() == refusal_seen{"22P02", "name"});
  }
  SECTION("22021: not UTF-8") {
    culprit.name = "\xff";
    CHECK(seen() == refusal_seen{"22021", "name"});
  }
  SECTION("23502: not null") {
    db.sql("ALTER TABLE target ALTER COLUMN name SET NOT NULL");
    culprit.name = std::nullopt;
    CHECK(seen() == refusal_seen{"23502", "name"});
  }
  SECTION("23514: a check") {
    db.sql("ALTER TABLE target ADD CHECK (n <> " + number + ")");
    CHECK(seen() == refusal_seen{"23514", ""});
  }
  SECTION("23514: a domain's check") {
    db.sql("CREATE DOMAIN other AS int CHECK (value <> " + number +
           "); ALTER TABLE target ALTER COLUMN n TYPE other");
    CHECK(seen() == refusal_seen{"23514", "n"});
  }
  SECTION("22003: out of range, in a trigger") {
    db.sql(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE x smallint; BEGIN IF NEW.n = " +
        number +
        " THEN x := 40000; END IF; RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW "
        "EXECUTE "
        "FUNCTION f()");
    CHECK(seen() == refusal_seen{"22003", ""});
  }
  SECTION("22012: a generated column's expression") {
    db.sql("ALTER TABLE target ADD COLUMN g int GENERATED ALWAYS AS (1 / (n - " + number + ")) STORED");
    CHECK(seen() == refusal_seen{"22012", ""});
  }
  SECTION("23503: a foreign key, checked at the end of the statement") {
    db.sql(
        "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent SELECT g FROM generate_series(0, 99) g "
        "WHERE g "
        "<> " +
        number + "; ALTER TABLE target ADD FOREIGN KEY (n) REFERENCES parent");
    CHECK(seen() == refusal_seen{"23503", ""});
  }
  SECTION("23503: a foreign key, deferred to the commit") {
    db.sql(
        "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent SELECT g FROM generate_series(0, 99) g "
        "WHERE g "
        "<> " +
        number + "; ALTER TABLE target ADD FOREIGN KEY (n) REFERENCES parent DEFERRABLE INITIALLY DEFERRED");
    CHECK(seen() == refusal_seen{"23503", ""});
  }
  SECTION("23505: a key of the target that an older row has") {
    db.sql("CREATE UNIQUE INDEX ON target (n) WHERE n = " + number + "; INSERT INTO target VALUES (" +
           number + ", 'old')");
    auto s = segment(list);
    const pg::load_report r = loaded(s, outcome_unknown);
    CHECK(r.rows == 99);
    CHECK(r.set_aside == 1);
    CHECK(r.duplicates == 0);
    CHECK(rows() == 100);
    CHECK(db.value("SELECT name FROM target WHERE n = " + number) == "old");
    CHECK(db.value("SELECT sqlstate FROM sluice.quarantine") == "23505");
  }
  SECTION("23505: a unique constraint deferred to the commit") {
    db.sql("ALTER TABLE target ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED; INSERT INTO target VALUES (" +
           number + ", 'old')");
    auto s = segment(list);
    const pg::load_report r = loaded(s, outcome_unknown);
    CHECK(r.rows == 99);
    CHECK(r.set_aside == 1);
    CHECK(db.value("SELECT sqlstate FROM sluice.quarantine") == "23505");
  }
  SECTION("P0001: a trigger's exception, before the row") {
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = " + number +
           " THEN RAISE EXCEPTION 'no % here', NEW.name USING COLUMN = NEW.name; END IF; RETURN NEW; END $$; "
           "CREATE "
           "TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
    CHECK(seen() == refusal_seen{"P0001", ""});
  }
  SECTION("42501: a trigger's exception with a SQLSTATE that elsewhere speaks of the table") {
    db.sql(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = " + number +
        " THEN RAISE insufficient_privilege; END IF; RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON "
        "target FOR EACH ROW EXECUTE FUNCTION f()");
    CHECK(seen() == refusal_seen{"42501", ""});
  }
  SECTION("22P03 and 22P04: a trigger's exception with what COPY says of a stream that it cannot read") {
    const std::string state = GENERATE("22P03", "22P04");
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = " + number +
           " THEN RAISE EXCEPTION 'no' USING ERRCODE = '" + state +
           "'; END IF; RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE "
           "FUNCTION f()");
    CHECK(seen() == refusal_seen{state, ""});
  }
  SECTION("P0001: a trigger's exception, after the rows") {
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = " + number +
           " THEN RAISE EXCEPTION 'no'; END IF; RETURN NULL; END $$; CREATE TRIGGER f AFTER INSERT ON target "
           "FOR EACH ROW "
           "EXECUTE FUNCTION f()");
    CHECK(seen() == refusal_seen{"P0001", ""});
  }
}

TEST_CASE_METHOD(fixture,
                 "a row that a trigger drops is set aside alone, and what the trigger did for it is undone") {
  const bool outcome_unknown = GENERATE(false, true);
  const bool staged = GENERATE(false, true);
  CAPTURE(outcome_unknown, staged);
  db.sql(
      "CREATE TABLE elsewhere (n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.name = 'drop' THEN INSERT INTO elsewhere VALUES (NEW.n); RETURN NULL; END IF; RETURN NEW; END "
      "$$; "
      "CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  pg::target_table found = tests::run(loop, pg::read_target(c, plan)).value();
  found.row_security = staged;
  loads = pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, found).value();
  auto list = messages(0, 100);
  for (const std::size_t i : {3U, 42U, 99U}) list[i].name = "drop";
  list[7].name = "longer than ten";
  list[42].rows = 3;
  auto s = segment(list);
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 96);
  CHECK(r.set_aside == 4);
  CHECK(rows() == 96);
  CHECK(keys() == 100);
  CHECK(db.number("SELECT count(*) FROM elsewhere") == 0);
  CHECK(db.value(
            "SELECT string_agg(reason || ' ' || count, ', ' ORDER BY reason) FROM (SELECT reason, count(*) "
            "FROM sluice.quarantine GROUP BY reason) q") == "dropped_by_table 3, refused_by_table 1");
}

TEST_CASE_METHOD(fixture, "a trigger that is made while rows are loaded drops none of them unseen") {
  auto first = segment(messages(0, 10));
  CHECK(loaded(first).rows == 10);
  db.sql(
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
      "CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  auto second = segment(messages(10, 10));
  CHECK(loaded(second).set_aside == 10);
  CHECK(rows() == 10);
}

TEST_CASE_METHOD(fixture, "a row too large for a page is found, though COPY names the last of a thousand") {
  db.sql("ALTER TABLE target ALTER COLUMN name TYPE text, ALTER COLUMN name SET STORAGE PLAIN");
  auto list = messages(0, 3'000);
  list[500].name = std::string(9'000, 'x');
  auto s = segment(list);
  CHECK(loaded(s).rows == 2'999);
  CHECK(db.value("SELECT string_agg(message_id || sqlstate, ',') FROM sluice.quarantine") ==
        to_string(id(500)) + "54000");
}

TEST_CASE_METHOD(fixture, "of a message of several rows all are refused for one") {
  db.sql("ALTER TABLE target ADD COLUMN k serial; ALTER TABLE target ADD CHECK (k <> 7)");
  auto list = messages(0, 10);
  for (tests::message& m : list) m.rows = 3;
  auto s = segment(list);
  const pg::load_report r = loaded(s);  // rows 7 to 9 are message 2
  CHECK(r.rows == 27);
  CHECK(r.set_aside == 1);
  CHECK(db.value("SELECT message_id FROM sluice.quarantine") == to_string(id(2)));
  CHECK(db.number("SELECT count(*) FROM target WHERE n = 2") == 0);
}

TEST_CASE_METHOD(fixture, "a trigger that is broken is the table's fault, and no row's") {
  db.sql(
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM * FROM nowhere; RETURN NEW; "
      "END $$; "
      "CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  auto s = segment(messages(0, 10));
  const auto got = load(s);
  REQUIRE_FALSE(got.has_value());
  CHECK(classify(got.error()) == verdict::fatal);
  CHECK(set_aside() == 0);
}

TEST_CASE_METHOD(fixture, "a row that refers to a later one of its segment is good, even beside a bad one") {
  const bool deferred = GENERATE(false, true);
  CAPTURE(deferred);
  db.sql(std::string("ALTER TABLE target ADD PRIMARY KEY (n), ADD COLUMN next int GENERATED ALWAYS AS "
                     "(CASE WHEN n = 1 THEN 18 WHEN n = 7 THEN 77 END) STORED, "
                     "ADD FOREIGN KEY (next) REFERENCES target") +
         (deferred ? " DEFERRABLE INITIALLY DEFERRED" : ""));
  auto s = segment(messages(0, 20));  // 1 refers to 18, 7 to nobody
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 19);
  CHECK(db.value("SELECT string_agg(message_id || sqlstate, ',') FROM sluice.quarantine") ==
        to_string(id(7)) + "23503");
}

TEST_CASE_METHOD(fixture, "refused rows beside known messages: each is told from the other") {
  auto first = segment(messages(0, 50));
  loaded(first);
  auto list = messages(0, 100);
  for (const std::size_t i : {10U, 60U, 61U}) list[i].name = "longer than ten";  // 10 is known already
  auto s = segment(list);
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 48);
  CHECK(r.duplicates == 50);
  CHECK(r.set_aside == 2);
  CHECK(rows() == 98);
  CHECK(set_aside() == 2);
}

TEST_CASE_METHOD(fixture, "two rows of a segment that cannot both be there: one is loaded") {
  db.sql("ALTER TABLE target ADD UNIQUE (name)");
  auto list = messages(0, 20);
  for (tests::message& m : list) m.name = "n" + std::to_string(m.number % 19);
  auto s = segment(list);
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 19);
  CHECK(r.set_aside == 1);
}

TEST_CASE_METHOD(fixture, "a table whose name could pass for a place in a COPY is not misread") {
  plan.table = "t, line 5";
  REQUIRE(tests::run(loop, pg::init_db(c, plan)).has_value());
  loads = planned();
  auto list = messages(0, 10);
  list[8].name = "longer than ten";
  auto s = segment(list);
  CHECK(loaded(s).rows == 9);
  CHECK(db.value("SELECT message_id FROM sluice.quarantine") == to_string(id(8)));
}

TEST_CASE_METHOD(fixture, "without a ledger a refused row is set aside once, however often it comes") {
  loads = planned(pg::load_mode::at_least_once);
  auto list = messages(0, 10);
  list[8].name = "longer than ten";
  for (int i = 0; i < 2; ++i) {
    auto s = segment(list);
    CHECK(loaded(s).rows == 9);
  }
  CHECK(rows() == 18);
  CHECK(set_aside() == 1);
}

TEST_CASE_METHOD(fixture, "many refused rows are found in a bounded number of tries") {
  auto random = tests::seeded_random();
  const bool named = GENERATE(true, false);
  const std::size_t bad_count = GENERATE(1U, 100U, 5'000U);
  CAPTURE(named, bad_count);
  auto list = messages(0, 10'000);
  std::vector<std::size_t> order(list.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  order.resize(bad_count);
  std::set<std::string> expected;
  for (const std::size_t i : order) {
    list[i].name = named ? "longer than ten" : "bad";
    expected.insert(to_string(id(static_cast<int>(i))));
  }
  if (!named) {
    // After the rows: the server does not say which.
    db.sql(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'bad' THEN RAISE "
        "EXCEPTION "
        "'no'; END IF; RETURN NULL; END $$; CREATE TRIGGER f AFTER INSERT ON target FOR EACH ROW EXECUTE "
        "FUNCTION f()");
  }
  auto s = segment(list);
  const auto start = std::chrono::steady_clock::now();
  const pg::load_report r = loaded(s);
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  WARN(bad_count << " bad of 10,000, " << (named ? "named" : "not named") << ": " << r.tries << " tries, "
                 << took.count() << " ms");
  CHECK(r.rows == 10'000 - bad_count);
  CHECK(r.set_aside == bad_count);
  CHECK(rows() == static_cast<std::int64_t>(10'000 - bad_count));
  CHECK(db.number("SELECT count(*) FROM target WHERE name <> 'good'") == 0);
  std::set<std::string> found;
  for (const auto& row : db.sql("SELECT message_id FROM sluice.quarantine")) found.insert(row[0].value());
  CHECK(found == expected);
  CHECK(static_cast<std::size_t>(r.tries) <= std::min<std::size_t>(2 + bad_count * 28, 20'001));
}

TEST_CASE_METHOD(fixture, "what a trigger meets in one row sets that row aside, whatever its SQLSTATE") {
  const bool outcome_unknown = GENERATE(false, true);
  const auto [state, body] = GENERATE(table<const char*, const char*>({
      {"20000", "CASE NEW.n WHEN 0 THEN NULL; END CASE;"},
      {"21000", "NEW.name := (SELECT 'a' UNION ALL SELECT 'b');"},
      {"2F005", "IF false THEN RETURN NEW; END IF;"},
      {"AB123", "RAISE EXCEPTION 'no' USING ERRCODE = 'AB123';"},
      {"02000", "RAISE EXCEPTION 'no' USING ERRCODE = '02000';"},
      {"XX000", "RAISE EXCEPTION 'no' USING ERRCODE = 'XX000';"},
  }));
  CAPTURE(state, outcome_unknown);
  db.sql(std::string(
             "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n <> 42 THEN RETURN "
             "NEW; END IF; ") +
         body + (std::string(state) == "2F005" ? "" : " RETURN NEW;") +
         " END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  auto s = segment(messages(0, 100));
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 99);
  CHECK(db.value("SELECT string_agg(message_id || sqlstate, ',') FROM sluice.quarantine") ==
        to_string(id(42)) + state);
}

TEST_CASE_METHOD(fixture, "an internal error of one row is that row's, and of all rows the server's") {
  const bool outcome_unknown = GENERATE(false, true);
  const bool of_all = GENERATE(false, true);
  CAPTURE(outcome_unknown, of_all);
  // A view whose function is gone: the server finds that out when it runs it.
  db.sql("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW v AS SELECT g()");
  db.sql("DELETE FROM pg_proc WHERE proname = 'g'");
  db.sql(
      std::string("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 42 OR ") +
      (of_all ? "true" : "false") +
      " THEN EXECUTE 'SELECT * FROM v'; END IF; RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target "
      "FOR EACH ROW EXECUTE FUNCTION f()");
  auto s = segment(messages(0, 100));
  const auto got = load(s, outcome_unknown);
  if (of_all) {
    REQUIRE_FALSE(got.has_value());
    CHECK(may_pass(classify(got.error())));
    CHECK(set_aside() == 0);
  } else {
    REQUIRE(got.has_value());
    CHECK(got->rows == 99);
    CHECK(db.value("SELECT string_agg(message_id || sqlstate, ',') FROM sluice.quarantine") ==
          to_string(id(42)) + "XX000");
  }
}

TEST_CASE_METHOD(fixture, "what a trigger raises to be waited for is no row's fault") {
  db.sql(
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE lock_not_available; END $$; "
      "CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  auto s = segment(messages(0, 10));
  const auto got = load(s);
  REQUIRE_FALSE(got.has_value());
  CHECK(classify(got.error()) == verdict::retry);
  CHECK(set_aside() == 0);
}

TEST_CASE_METHOD(
    fixture, "of several rows that are refused the good one with their key is found, however late it comes") {
  db.sql(
      "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent VALUES (1); ALTER TABLE target ADD UNIQUE "
      "(name), ADD FOREIGN KEY (n) REFERENCES parent");
  auto s = segment({{3, "same"}, {4, "same"}, {5, "same"}, {1, "same"}});
  CHECK(loaded(s, GENERATE(false, true)).rows == 1);
  CHECK(db.value("SELECT string_agg(n || name, ' ') FROM target") == "1same");
  CHECK(set_aside() == 3);
}

TEST_CASE_METHOD(fixture, "a row whose place was that of a row which is refused itself is good") {
  db.sql(
      "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent VALUES (1); ALTER TABLE target ADD "
      "FOREIGN KEY "
      "(n) REFERENCES parent, ADD EXCLUDE (name WITH =)");
  auto s = segment({{3, "same"}, {1, "same"}});
  CHECK(loaded(s).rows == 1);
  CHECK(db.value("SELECT string_agg(n || name, ' ') FROM target") == "1same");
}

TEST_CASE_METHOD(fixture, "a row whose key was that of a row which is refused itself is good") {
  const bool outcome_unknown = GENERATE(false, true);
  db.sql(
      "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent VALUES (1), (2); ALTER TABLE target ADD "
      "UNIQUE "
      "(name), ADD FOREIGN KEY (n) REFERENCES parent");
  auto s = segment({{3, "same"}, {1, "same"}, {2, "other"}});  // there is no parent 3
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 2);
  CHECK(db.value("SELECT string_agg(n || name, ' ' ORDER BY n) FROM target") == "1same 2other");
  CHECK(db.value("SELECT message_id FROM sluice.quarantine") == to_string(id(3)));
}

TEST_CASE_METHOD(fixture,
                 "a partition that is attached while rows of its range are loaded refuses none of them") {
  const bool outcome_unknown = GENERATE(false, true);
  std::string attach;
  SECTION("to the ledger") {
    db.sql("DROP TABLE sluice.ledger_" +
           db.value("SELECT to_char((now() AT TIME ZONE 'UTC')::date + 2, 'YYYYMMDD')"));
    now_ms += std::int64_t{2} * 86'400'000;
    attach = "LOCK TABLE sluice.ledger_default IN ACCESS EXCLUSIVE MODE; SELECT sluice.make_partition()";
  }
  SECTION("to the target") {
    db.sql(
        "DROP TABLE target; CREATE TABLE target (n int, name varchar(10)) PARTITION BY RANGE (n); CREATE "
        "TABLE "
        "target_default PARTITION OF target DEFAULT");
    attach =
        "LOCK TABLE target_default IN ACCESS EXCLUSIVE MODE; CREATE TABLE target_of_thousand PARTITION OF "
        "target "
        "FOR VALUES FROM (0) TO (1000)";
  }
  db.sql("BEGIN; " + attach);
  boost::asio::steady_timer soon(loop, std::chrono::milliseconds(200));
  soon.async_wait([&](const error_code&) { db.sql("COMMIT"); });
  auto s = segment(messages(0, 100));
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 100);
  CHECK(r.set_aside == 0);
}
