#include <boost/asio/co_spawn.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>
#include <numeric>
#include <optional>

#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"
#include "support/keys.hpp"

using namespace sluice;
using Catch::Matchers::ContainsSubstring;
using tests::messages;
using indexes = std::vector<std::size_t>;

namespace {

struct fixture : tests::load_fixture {
  void bad_go_to(pg::bad_messages where) { loads = planned(pg::load_mode::exactly_once, where); }

  result<> fit(pg::load_mode mode) {
    const auto found = tests::run(loop, pg::read_target(c, plan));
    REQUIRE(found.has_value());
    auto made = pg::load_plan::make(plan, mode, pg::bad_messages::quarantine, *found);
    if (!made) return made.error();
    loads = *std::move(made);
    return {};
  }

  /// Table target(n primary key, name, sent_ms), which the plan writes.
  void make_upsert_table() {
    record::column time;
    time.name = "sent_ms";
    time.type = record::column_type::bigint;
    time.where = record::source::sent_timestamp;
    plan.columns.push_back(time);
    db.sql("DROP TABLE target; CREATE TABLE target (n int PRIMARY KEY, name varchar(10), sent_ms bigint)");
  }

  struct version {
    int number;
    std::string name;
    std::int64_t sent_ms;
    int id;
  };
  copy::segment versions(const std::vector<version>& list) const {
    copy::segment s({.rows_max = 100, .row_bytes = 1U << 16U, .body_bytes = 1U << 16U});
    copy::row_writer row(s.rows());
    for (const version& v : list) {
      const std::size_t offset = s.rows().size();
      row.begin_row(3);
      row.int4(v.number);
      row.text(v.name);
      row.int8(now_ms + v.sent_ms);
      REQUIRE(row.end_row());
      copy::segment::entry e{.message_id = id(v.id), .sent_ms = now_ms + v.sent_ms};
      REQUIRE(s.add(e, offset, 1));
    }
    return s;
  }
  std::string names() { return db.value("SELECT string_agg(n || name, ' ' ORDER BY n) FROM target"); }

  void load_by_event() {
    plan.business_key = {"/event"};
    loads = planned();
  }
  copy::segment keyed(const std::vector<tests::message>& list, const std::function<int(int)>& event) const {
    copy::segment s({.rows_max = 100, .row_bytes = 1U << 16U, .body_bytes = 1U << 16U});
    copy::row_writer row(s.rows());
    for (const tests::message& m : list) {
      const std::size_t offset = s.rows().size();
      row.begin_row(2);
      row.int4(m.number);
      row.text(*m.name);
      REQUIRE(row.end_row());
      auto e = entry(m);
      e.business_key = id(10'000 + event(m.number));
      REQUIRE(s.add(e, offset, 1));
    }
    return s;
  }
  std::int64_t events() { return db.number("SELECT count(*) FROM sluice.business_ledger"); }

  /// A dead-letter queue that takes all but `refuses`.
  pg::dead_letter_box box() {
    return [this](const copy::segment&, indexes list) -> boost::asio::awaitable<result<indexes>> {
      sent.push_back(list);
      if (box_fails) co_return failure(errc::connection_closed, "the queue is away");
      indexes not_taken;
      for (const std::size_t i : list) {
        if (i == refuses) not_taken.push_back(i);
      }
      co_return not_taken;
    };
  }
  result<pg::load_report> load_with_box(copy::segment& s, bool outcome_unknown = false) {
    const pg::dead_letter_box to = box();
    return tests::run(loop, pg::load(c, loads, s, seal ? &*seal : nullptr, outcome_unknown, {.box = &to}));
  }
  std::optional<mask::sealer> seal;
  std::vector<indexes> sent;
  bool box_fails = false;
  std::size_t refuses = 1'000;
};

std::vector<tests::message> with_bad(std::vector<tests::message> list, const indexes& bad) {
  for (const std::size_t i : bad) list[i].name = "longer than ten";
  return list;
}

}  // namespace

TEST_CASE_METHOD(fixture, "dlq: a bad row is sent before its key is committed, and is not quarantined") {
  bad_go_to(pg::bad_messages::dlq);
  auto s = segment(with_bad(messages(0, 100), {42}));
  const auto got = load_with_box(s);
  REQUIRE(got.has_value());
  CHECK(got->rows == 99);
  CHECK(got->set_aside == 1);
  CHECK(sent == std::vector<indexes>{{42}});
  CHECK(keys() == 100);
  CHECK(set_aside() == 0);

  auto again = segment(with_bad(messages(0, 100), {42}));
  const auto second = load_with_box(again);
  REQUIRE(second.has_value());
  CHECK(second->duplicates == 100);
  CHECK(sent.size() == 1);  // the ledger knows it
}

TEST_CASE_METHOD(fixture, "dlq: what cannot be sent rolls everything back") {
  bad_go_to(pg::bad_messages::dlq);
  box_fails = true;
  auto s = segment(with_bad(messages(0, 10), {4}));
  const auto got = load_with_box(s);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == errc::connection_closed);
  CHECK(c.connected());
  CHECK(rows() == 0);
  CHECK(keys() == 0);
  box_fails = false;
  const auto second = load_with_box(s, true);
  REQUIRE(second.has_value());
  CHECK(second->rows == 9);
  CHECK(sent == std::vector<indexes>{{4}, {4}});
}

TEST_CASE_METHOD(fixture, "dlq: what the queue does not take goes to the quarantine") {
  bad_go_to(pg::bad_messages::dlq);
  refuses = 5;
  seal = mask::sealer::make(tests::test_keys()).value();
  auto s = segment(with_bad(messages(0, 10), {4, 5}));
  const auto got = load_with_box(s);
  REQUIRE(got.has_value());
  CHECK(got->set_aside == 2);
  CHECK(db.value("SELECT string_agg(message_id::text, ',') FROM sluice.quarantine") == to_string(id(5)));
}

TEST_CASE_METHOD(fixture, "dlq: what the queue does not take stays where its body could not be kept") {
  bad_go_to(pg::bad_messages::dlq);
  refuses = 5;
  auto s = segment(with_bad(messages(0, 10), {4, 5}));
  const auto got = load_with_box(s);
  REQUIRE(got.has_value());
  CHECK(got->rows == 8);
  CHECK(got->set_aside == 1);
  CHECK(got->left == 1);
  CHECK(s.is_left(s.slots()[5]));
  CHECK_FALSE(s.is_left(s.slots()[4]));
  CHECK(sent == std::vector<indexes>{{4, 5}});  // and message 4 not once more
  CHECK(set_aside() == 0);
  CHECK(keys() == 9);
}

TEST_CASE_METHOD(fixture, "dlq: nothing is sent before deferred constraints are known to hold") {
  bad_go_to(pg::bad_messages::dlq);
  db.sql(
      "ALTER TABLE target ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED; INSERT INTO target VALUES (7, "
      "'old')");
  auto s = segment(with_bad(messages(0, 10), {4}));
  const auto got = load_with_box(s);
  REQUIRE(got.has_value());
  CHECK(got->rows == 8);
  CHECK(sent == std::vector<indexes>{{4, 7}});
}

TEST_CASE_METHOD(fixture, "leave: a bad row is neither row nor key, its neighbours are both") {
  bad_go_to(pg::bad_messages::leave);
  const bool outcome_unknown = GENERATE(false, true);
  auto s = segment(with_bad(messages(0, 100), {0, 42}));
  const pg::load_report r = loaded(s, outcome_unknown);
  CHECK(r.rows == 98);
  CHECK(r.left == 2);
  CHECK(r.set_aside == 0);
  CHECK(r.duplicates == 0);
  CHECK(keys() == 98);
  CHECK(rows() == 98);
  CHECK(set_aside() == 0);
  db.sql("ALTER TABLE target ALTER COLUMN name TYPE text");
  auto again = segment(with_bad(messages(0, 100), {0, 42}));
  CHECK(loaded(again).rows == 2);  // the table takes them now
}

TEST_CASE_METHOD(fixture,
                 "a business key: of two messages with one key the first is the row, in or across batches") {
  load_by_event();
  const auto pairs = [](int number) { return number / 2; };
  auto s = keyed(messages(0, 10), pairs);
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 5);
  CHECK(r.duplicates == 5);
  auto more = keyed(messages(9, 11), pairs);
  CHECK(loaded(more).rows == 5);
  CHECK(db.value("SELECT string_agg(n::text, ' ' ORDER BY n) FROM target") == "0 2 4 6 8 10 12 14 16 18");
  CHECK(events() == 10);
  CHECK(keys() == 20);
}

TEST_CASE_METHOD(fixture, "a business key: what the table refuses leaves its event to the next that has it") {
  load_by_event();
  const auto one = [](int) { return 0; };
  indexes bad(60);
  std::iota(bad.begin(), bad.end(), std::size_t{0});
  auto s = keyed(with_bad(messages(0, 90), bad), one);
  const bool claims = GENERATE(false, true);
  const pg::load_report r = loaded(s, claims);
  CHECK(r.rows == 1);
  CHECK(r.set_aside == 60);
  CHECK(r.duplicates == 29);
  CHECK(r.tries <= 1 + 2 * 61 + 1);
  CHECK(db.value("SELECT n FROM target") == "60");
  CHECK(events() == 1);
  CHECK(keys() == 90);
}

TEST_CASE_METHOD(fixture, "a business key: whatever becomes of a message, when it comes again it is known") {
  load_by_event();
  const auto each = [](int number) { return number; };
  auto s = keyed(with_bad(messages(0, 10), {3}), each);
  CHECK(loaded(s).rows == 9);
  SECTION("one that was set aside, though the table would take it now") {
    auto mended = keyed(messages(3, 1), each);
    CHECK(loaded(mended).duplicates == 1);
    CHECK(rows() == 9);
  }
  SECTION("one that is a row, though it would be set aside now") {
    auto stricter = keyed(with_bad(messages(4, 1), {0}), each);
    CHECK(loaded(stricter).duplicates == 1);
    CHECK(set_aside() == 1);
  }
  SECTION("one that is a row, under another key ring") {
    auto other_ring = keyed(messages(4, 1), [](int number) { return 500 + number; });
    CHECK(loaded(other_ring).duplicates == 1);
    CHECK(rows() == 9);
  }
  CHECK(events() == 9);
  CHECK(keys() == 10);
}

TEST_CASE_METHOD(fixture, "a business key: a row waits for its parent, whose first message is refused") {
  load_by_event();
  db.sql(
      "ALTER TABLE target ADD own int GENERATED ALWAYS AS (n % 100) STORED UNIQUE,"
      "ADD parent int GENERATED ALWAYS AS (CASE WHEN n > 1000 THEN 5 END) STORED REFERENCES target (own)");
  auto s = keyed({{.number = 5, .name = "longer than ten"}, {.number = 1001}, {.number = 105}},
                 [](int number) { return number % 100; });
  const pg::load_report r = loaded(s, true);
  CHECK(r.rows == 2);
  CHECK(r.set_aside == 1);
}

TEST_CASE_METHOD(fixture,
                 "a business key: many messages of one event without its parent are found in few tries") {
  load_by_event();
  const bool deferred = GENERATE(false, true);
  db.sql(std::string(
             "CREATE TABLE parent (n int PRIMARY KEY); INSERT INTO parent SELECT generate_series(70, 99);") +
         "ALTER TABLE target ADD FOREIGN KEY (n) REFERENCES parent" +
         (deferred ? " DEFERRABLE INITIALLY DEFERRED" : ""));
  auto s = keyed(messages(0, 90), [](int) { return 0; });
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 1);
  CHECK(r.set_aside == 70);
  CHECK(r.duplicates == 19);
  CHECK(r.tries < 400);
  CHECK(db.value("SELECT n FROM target") == "70");
  CHECK(events() == 1);
}

TEST_CASE_METHOD(fixture, "a business key: a row waits for its parent, whose first message lacks its own") {
  load_by_event();
  db.sql(
      "ALTER TABLE target ADD own int GENERATED ALWAYS AS (n % 100) STORED UNIQUE,"
      "ADD parent int GENERATED ALWAYS AS (CASE n / 1000 WHEN 1 THEN 77 WHEN 2 THEN 5 END) STORED "
      "REFERENCES target (own)");
  auto s =
      keyed({{.number = 1005}, {.number = 2001}, {.number = 105}}, [](int number) { return number % 100; });
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 2);
  CHECK(r.set_aside == 1);
  CHECK(db.value("SELECT string_agg(n::text, ' ' ORDER BY n) FROM target") == "105 2001");
}

TEST_CASE_METHOD(
    fixture, "replay by event: the ledger remembers it from now on, and an entry that has gone is no row") {
  now_ms -= 86'400'000;
  load_by_event();
  const auto each = [](int number) { return number; };
  auto s = keyed(with_bad(messages(0, 4), {0, 1, 2}), each);
  loaded(s);
  REQUIRE(set_aside() == 3);
  loads.claims_in = pg::ledger::quarantine;
  loads.bad = pg::bad_messages::leave;
  auto again = keyed(messages(0, 2), each);
  CHECK(loaded(again, true).rows == 2);
  CHECK(set_aside() == 1);
  CHECK(db.number("SELECT count(*) FROM sluice.business_ledger WHERE sent_ms > (extract(epoch FROM now()) - "
                  "60) * 1000") == 2);
  auto known = keyed(messages(2, 1), [](int) { return 3; });
  CHECK(loaded(known, true).duplicates == 1);
  CHECK(set_aside() == 1);
  db.sql("DELETE FROM sluice.quarantine");
  auto gone = keyed(messages(2, 1), each);
  const auto refused = tests::run(loop, pg::load(c, loads, gone, nullptr, true));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().fix == "replay again");
  CHECK(rows() == 3);
  CHECK(events() == 3);
}

TEST_CASE_METHOD(fixture,
                 "upsert: of the messages with one key the newest is the row, in whatever order they come") {
  make_upsert_table();
  REQUIRE(fit(pg::load_mode::upsert));
  auto s =
      versions({{1, "b", 20, 1}, {1, "a", 10, 2}, {2, "x", 5, 3}, {3, "first", 7, 4}, {3, "second", 7, 5}});
  CHECK(loaded(s).rows == 5);
  CHECK(names() == "1b 2x 3second");
  auto older = versions({{1, "old", 15, 6}, {2, "y", 6, 7}});
  loaded(older);
  CHECK(names() == "1b 2y 3second");
  auto as_old = versions({{2, "z", 6, 8}});
  loaded(as_old);
  CHECK(names() == "1b 2z 3second");
  auto redelivered = versions({{2, "x", 5, 3}});
  CHECK(loaded(redelivered).duplicates == 1);
  CHECK(names() == "1b 2z 3second");
}

TEST_CASE_METHOD(fixture, "upsert: keys that the table's collation takes for one are one in a batch, too") {
  make_upsert_table();
  db.sql(
      "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
      "ALTER TABLE target DROP CONSTRAINT target_pkey, ALTER name TYPE varchar(10) COLLATE folded, ADD "
      "PRIMARY KEY (name)");
  plan.key = {"name"};
  REQUIRE(fit(pg::load_mode::upsert));
  auto s = versions({{1, "Ann", 1, 1}, {2, "ANN", 2, 2}, {3, "bob", 1, 3}});
  const pg::load_report r = loaded(s);
  CHECK(r.set_aside == 0);
  CHECK(r.tries == 1);
  CHECK(names() == "2ANN 3bob");
}

TEST_CASE_METHOD(fixture, "upsert: a row that the table refuses is set aside alone") {
  make_upsert_table();
  db.sql("ALTER TABLE target ADD CHECK (name <> 'no'), ADD UNIQUE (name)");
  REQUIRE(fit(pg::load_mode::upsert));
  auto s = versions(
      {{1, "a", 1, 1}, {2, "no", 1, 2}, {3, "longer than ten", 1, 3}, {4, "a", 1, 4}, {5, "b", 1, 5}});
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 2);
  CHECK(r.set_aside == 3);
  CHECK(names() == "1a 5b");
  CHECK(db.value("SELECT string_agg(sqlstate || coalesce(column_name, ''), ' ' ORDER BY message_id) FROM "
                 "sluice.quarantine") == "23514 22001name 23505");
}

TEST_CASE_METHOD(fixture,
                 "upsert: a row or a change that a trigger drops is set aside; an older row is none") {
  make_upsert_table();
  db.sql(
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name = 'drop' THEN RETURN "
      "NULL; "
      "END IF; RETURN NEW; END $$; CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
      "NEW.name "
      "= 'keep' THEN RETURN NULL; END IF; RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR "
      "EACH "
      "ROW EXECUTE FUNCTION f(); CREATE TRIGGER g BEFORE UPDATE ON target FOR EACH ROW EXECUTE FUNCTION g()");
  REQUIRE(fit(pg::load_mode::upsert));
  auto first = versions({{1, "a", 10, 1}, {2, "drop", 10, 2}, {3, "c", 10, 3}});
  CHECK(loaded(first).set_aside == 1);
  auto second = versions({{1, "keep", 20, 4}, {3, "old", 5, 5}, {3, "d", 20, 6}});
  const pg::load_report r = loaded(second);
  CHECK(r.rows == 2);
  CHECK(r.set_aside == 1);
  CHECK(names() == "1a 3d");
  CHECK(db.value("SELECT string_agg(message_id || reason, ' ' ORDER BY message_id) FROM sluice.quarantine") ==
        to_string(id(2)) + "dropped_by_table " + to_string(id(4)) + "dropped_by_table");
}

TEST_CASE_METHOD(fixture, "upsert is refused without a key, without a time, and by a key that may be null") {
  SECTION("time") {
    const auto got = fit(pg::load_mode::upsert);
    REQUIRE_FALSE(got.has_value());
    CHECK_THAT(got.error().line(), ContainsSubstring("@sent_timestamp"));
  }
  make_upsert_table();
  SECTION("key") {
    db.sql("ALTER TABLE target DROP CONSTRAINT target_pkey; CREATE UNIQUE INDEX ON target (n) WHERE n > 0");
    const auto got = fit(pg::load_mode::upsert);
    REQUIRE_FALSE(got.has_value());
    CHECK_THAT(got.error().line(), ContainsSubstring("primary key"));
  }
  SECTION("named") {
    plan.key = {"name"};
    CHECK_FALSE(fit(pg::load_mode::upsert));
    db.sql("ALTER TABLE target ADD UNIQUE (name)");
    CHECK(fit(pg::load_mode::upsert));
    plan.columns[1].nullable = true;
    const auto got = fit(pg::load_mode::upsert);
    REQUIRE_FALSE(got.has_value());
    CHECK_THAT(got.error().line(), ContainsSubstring("null"));
  }
}

TEST_CASE_METHOD(fixture,
                 "upsert: a key that is GENERATED ALWAYS AS IDENTITY is written, and never changed") {
  make_upsert_table();
  db.sql("ALTER TABLE target ALTER n ADD GENERATED ALWAYS AS IDENTITY");
  REQUIRE(fit(pg::load_mode::upsert));
  auto first = versions({{1, "a", 1, 1}, {2, "b", 1, 2}});
  CHECK(loaded(first).rows == 2);
  auto second = versions({{1, "c", 2, 3}, {3, "d", 2, 4}});
  CHECK(loaded(second).rows == 2);
  CHECK(names() == "1c 2b 3d");
  CHECK(set_aside() == 0);
}

TEST_CASE_METHOD(fixture, "upsert: another column that is GENERATED ALWAYS AS IDENTITY is refused") {
  make_upsert_table();
  db.sql(
      "ALTER TABLE target DROP CONSTRAINT target_pkey, ADD PRIMARY KEY (name), ALTER n SET NOT NULL, ALTER n "
      "ADD GENERATED ALWAYS AS IDENTITY");
  plan.key = {"name"};
  const auto got = fit(pg::load_mode::upsert);
  REQUIRE_FALSE(got.has_value());
  CHECK_THAT(got.error().line(), ContainsSubstring("ALTER COLUMN \"n\" SET GENERATED BY DEFAULT"));
  db.sql("ALTER TABLE target ALTER n SET GENERATED BY DEFAULT");
  CHECK(fit(pg::load_mode::upsert));
}

TEST_CASE_METHOD(fixture,
                 "row security: a column that is GENERATED ALWAYS AS IDENTITY is written as it comes") {
  db.sql("ALTER TABLE target ALTER n SET NOT NULL, ALTER n ADD GENERATED ALWAYS AS IDENTITY");
  auto target = tests::run(loop, pg::read_target(c, plan)).value();
  target.row_security = true;
  loads =
      pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, target).value();
  auto s = segment(messages(40, 3));
  CHECK(loaded(s).rows == 3);
  CHECK(db.value("SELECT string_agg(n::text, ' ' ORDER BY n) FROM target") == "40 41 42");
}

TEST_CASE_METHOD(fixture, "upsert: the temporary table is the transaction's, and does not age the database") {
  make_upsert_table();
  REQUIRE(fit(pg::load_mode::upsert));
  auto s = versions({{1, "a", 1, 1}});
  loaded(s);
  CHECK(db.number("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == 0);
}

TEST_CASE_METHOD(fixture, "upsert: types of schemas that a session's path does not name are found") {
  make_upsert_table();
  db.sql("CREATE SCHEMA types; CREATE TYPE types.\"a Name\" AS ENUM ('x', 'y'); SET search_path = public");
  db.sql("ALTER TABLE target ALTER name TYPE types.\"a Name\" USING 'x'");
  REQUIRE(fit(pg::load_mode::upsert));
  auto s = versions({{1, "y", 1, 1}});
  CHECK(loaded(s).rows == 1);
  CHECK(db.value("SELECT name FROM target") == "y");
}

TEST_CASE_METHOD(fixture,
                 "row security: rows that the policy lets pass are loaded, each other is set aside alone") {
  db.sql(
      "CREATE ROLE rls LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA sluice TO rls;"
      "GRANT INSERT ON target TO rls; GRANT INSERT, SELECT ON sluice.ledger TO rls;"
      "GRANT INSERT ON sluice.quarantine TO rls;"
      "ALTER TABLE target ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON target FOR INSERT WITH CHECK (n <> "
      "42)");
  auto o = db.options();
  o.user = "rls";
  o.password = secret("p");
  c = pg::connection(loop.get_executor(), o);
  REQUIRE(tests::run(loop, c.connect()).has_value());
  REQUIRE(fit(pg::load_mode::exactly_once));
  for (const int first : {0, 100}) {
    auto s = segment(messages(first, 100));
    const auto got = load(s);
    INFO((got ? "" : got.error().line()));
    CHECK((got && got->rows == (first == 0 ? 99U : 100U)));
  }
  CHECK(rows() == 199);
  CHECK(db.value("SELECT string_agg(message_id || sqlstate, ',') FROM sluice.quarantine") ==
        to_string(id(42)) + "42501");
  // A privilege that is missing has the same SQLSTATE, and is nobody's row.
  db.sql("REVOKE INSERT ON target FROM rls");
  auto s = segment(messages(200, 10));
  const auto refused = load(s);
  c.close();
  db.sql("DROP OWNED BY rls; DROP ROLE rls");
  REQUIRE_FALSE(refused.has_value());
  CHECK(classify(refused.error()) == verdict::fatal);
  CHECK(set_aside() == 1);
}

TEST_CASE_METHOD(fixture,
                 "replay: what the table takes now leaves the quarantine, what it does not take stays") {
  auto s = segment(with_bad(messages(0, 10), {4, 5, 6}));
  loaded(s);
  REQUIRE(set_aside() == 3);
  loads.claims_in = pg::ledger::quarantine;
  loads.bad = pg::bad_messages::leave;
  auto mended = messages(4, 2);
  mended.push_back({.number = 6, .name = "longer than ten"});
  mended.push_back({.number = 7});  // not in the quarantine: somebody has replayed it
  auto again = segment(mended);
  const pg::load_report r = loaded(again);
  CHECK(r.rows == 2);
  CHECK(r.left == 1);
  CHECK(r.duplicates == 1);
  CHECK(rows() == 9);
  CHECK(keys() == 10);
  CHECK(db.value("SELECT string_agg(message_id::text, ',') FROM sluice.quarantine") == to_string(id(6)));
}
