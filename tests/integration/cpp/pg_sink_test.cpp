#include "pipeline/pg_sink.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"

using namespace sluice;
using tests::messages;

namespace {

/// A table that is too slow for some rows, or for many at once, loaded as a lane does.
struct fixture : tests::load_fixture {
  pipeline::pg_sink sink(bool in_order = false) {
    pg::connect_options o = db.options();
    o.statement_timeout = std::chrono::milliseconds(400);  // the limits of a transaction follow it
    auto target = tests::run(loop, pg::read_target(c, plan)).value();
    target.statement_timeout = o.statement_timeout;
    loads =
        pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, target).value();
    return {loop.get_executor(), o, loads, seal, nullptr, history, in_order, counters};
  }
  void trigger(const std::string& body) {
    db.sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body +
           " RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION f()");
  }
  /// Until nothing is open, or a load fails.
  std::optional<failure> load_all(pipeline::pg_sink& to, copy::segment& s) {
    bool outcome_unknown = false;
    for (int i = 0; i < 100; ++i) {
      const auto report = tests::run(loop, to.load(s, outcome_unknown));
      if (!report) return report.error();
      outcome_unknown = report->too_slow.has_value();
      slow += outcome_unknown ? 1 : 0;
      loaded_rows += report->rows;
      if (!report->more) return std::nullopt;
    }
    FAIL("it does not end");
    return std::nullopt;
  }
  static std::set<int> held(const copy::segment& s) {
    std::set<int> list;
    for (std::size_t i = 0; i < s.size(); ++i) {
      if (s.is_held_back(i)) list.insert(static_cast<int>(i));
    }
    return list;
  }

  std::optional<mask::sealer> seal;
  pg::load_history history;
  observe::counters counters;
  std::size_t loaded_rows = 0;
  int slow = 0;
};

}  // namespace

TEST_CASE_METHOD(fixture, "a row that takes too long is held back, and its neighbours are loaded") {
  trigger("IF NEW.n = 333 THEN PERFORM pg_sleep(10); END IF;");
  auto s = segment(messages(0, 501));
  auto to = sink();
  CHECK_FALSE(load_all(to, s).has_value());
  CHECK(held(s) == std::set<int>{333});
  CHECK(loaded_rows == 500);
  CHECK(rows() == 500);
  CHECK(set_aside() == 0);
  CHECK(slow <= 10);
}

TEST_CASE_METHOD(fixture, "a row that waits for another session's key is held back alone") {
  db.sql("CREATE UNIQUE INDEX ON target (n)");
  pg::connection other(loop.get_executor(), db.options());
  REQUIRE(tests::run(loop, other.connect()));
  REQUIRE(tests::run(loop, other.query("BEGIN; INSERT INTO target VALUES (77, 'other')")).has_value());
  auto s = segment(messages(0, 200));
  auto to = sink();
  CHECK_FALSE(load_all(to, s).has_value());
  CHECK(held(s) == std::set<int>{77});
  CHECK(loaded_rows == 199);
}

TEST_CASE_METHOD(fixture, "where all rows are slow, transactions become as small as they must") {
  trigger("PERFORM pg_sleep(0.005);");
  auto s = segment(messages(0, 200));
  auto to = sink();
  CHECK_FALSE(load_all(to, s).has_value());
  CHECK(held(s).empty());
  CHECK(rows() == 200);
  CHECK(slow <= 4);
}

TEST_CASE_METHOD(fixture, "in a queue with an order nothing behind a slow row is committed before it") {
  trigger("IF NEW.n = 33 THEN PERFORM pg_sleep(10); END IF;");
  auto s = segment(messages(0, 50));
  auto to = sink(true);
  const auto ended = load_all(to, s);
  REQUIRE(ended.has_value());
  CHECK(is_too_slow(*ended));
  CHECK(s.first_open() == 33);
  CHECK(rows() == 33);
  CHECK(db.number("SELECT max(n) FROM target") == 32);
}

TEST_CASE_METHOD(fixture, "a locked table is a failure after a few messages that wait for it alone") {
  pg::connection other(loop.get_executor(), db.options());
  REQUIRE(tests::run(loop, other.connect()));
  REQUIRE(tests::run(loop, other.query("BEGIN; LOCK TABLE target")).has_value());
  auto s = segment(messages(0, 8));
  auto to = sink();
  REQUIRE(load_all(to, s).has_value());
  CHECK(held(s).empty());
  REQUIRE(tests::run(loop, other.query("ROLLBACK")).has_value());
  CHECK_FALSE(load_all(to, s).has_value());
  CHECK(rows() == 8);
}

TEST_CASE_METHOD(fixture, "after an outage transactions grow from one message") {
  auto s = segment(messages(0, 10));
  auto to = sink();
  REQUIRE(tests::run(loop, to.probe()));
  std::vector<std::size_t> sizes;
  for (bool more = true; more;) {
    const auto report = tests::run(loop, to.load(s, false));
    REQUIRE(report.has_value());
    sizes.push_back(report->count);
    more = report->more;
  }
  CHECK(sizes == std::vector<std::size_t>{1, 2, 4, 3});
  CHECK(rows() == 10);
}
