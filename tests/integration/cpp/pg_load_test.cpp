#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "pg_load_fixture.hpp"
#include "support/seed.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using tests::load_fixture;
using tests::messages;

TEST_CASE_METHOD(load_fixture, "a segment is loaded in one try: rows, keys, nothing set aside") {
  auto s = segment(messages(0, 1'000));
  const pg::load_report r = loaded(s);
  CHECK(r.rows == 1'000);
  CHECK(r.duplicates == 0);
  CHECK(r.set_aside == 0);
  CHECK_FALSE(r.claimed);
  CHECK(r.tries == 1);
  CHECK(rows() == 1'000);
  CHECK(keys() == 1'000);
  CHECK(set_aside() == 0);
  CHECK(db.number("SELECT count(DISTINCT n) FROM target WHERE name = 'good'") == 1'000);
}

TEST_CASE_METHOD(load_fixture, "a load is two round trips, and three where it claims") {
  db.sql("ALTER TABLE target ADD PRIMARY KEY (n)");
  db.sql("ALTER DATABASE " + c.options().database + " SET log_statement = 'all'");
  db.end_sessions();
  c = pg::connection(loop.get_executor(), db.options());
  REQUIRE(tests::run(loop, c.connect()).has_value());
  const auto queries = [&](int first, bool outcome_unknown) {
    auto s = segment(messages(first, 100));
    const std::size_t before = db.statements_logged();
    CHECK(loaded(s, outcome_unknown).rows == 100);
    return db.statements_logged() - before;
  };
  CHECK(queries(0, false) == 2);
  CHECK(queries(100, true) == 3);
  // By the temporary table, as an upsert and under row security.
  auto target = tests::run(loop, pg::read_target(c, plan)).value();
  target.row_security = true;
  loads =
      pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, target).value();
  CHECK(queries(200, false) == 2);
  CHECK(queries(300, true) == 3);
}

TEST_CASE_METHOD(load_fixture, "an empty segment needs no transaction") {
  auto s = segment({});
  CHECK(loaded(s).tries == 0);
}

TEST_CASE_METHOD(load_fixture, "a segment that comes again gives no new row") {
  auto s = segment(messages(0, 100));
  loaded(s);
  auto again = segment(messages(0, 100));
  const pg::load_report r = loaded(again);
  CHECK(r.rows == 0);
  CHECK(r.duplicates == 100);
  CHECK(r.claimed);
  CHECK(rows() == 100);
}

TEST_CASE_METHOD(load_fixture, "of a segment that is known in part only the rest is loaded") {
  auto s = segment(messages(0, 100));
  loaded(s);
  auto more = segment(messages(50, 100));
  const pg::load_report r = loaded(more);
  CHECK(r.rows == 50);
  CHECK(r.duplicates == 50);
  CHECK(rows() == 150);
  CHECK(db.number("SELECT count(DISTINCT n) FROM target") == 150);
}

TEST_CASE_METHOD(load_fixture, "a message twice in a segment is one row, the first") {
  auto list = messages(0, 10);
  list.push_back({.number = 3, .name = "second"});
  list.push_back({.number = 3, .name = "third"});
  auto s = segment(list);
  SECTION("in fast form") {
    CHECK_FALSE(loaded(s).claimed);
  }
  SECTION("in claim form") {
    const pg::load_report r = loaded(s, true);
    CHECK(r.claimed);
    CHECK(r.rows == 10);
    CHECK(r.duplicates == 2);
  }
  CHECK(rows() == 10);
  CHECK(db.value("SELECT string_agg(name, ',') FROM target WHERE n = 3") == "good");
}

TEST_CASE_METHOD(load_fixture, "a message of several rows has one key and is loaded whole") {
  auto list = messages(0, 10);
  list[4].rows = 3;
  auto s = segment(list);
  CHECK(loaded(s).rows == 12);
  CHECK(rows() == 12);
  CHECK(keys() == 10);
}

TEST_CASE_METHOD(load_fixture, "without a ledger a segment that comes again is loaded again") {
  loads = planned(pg::load_mode::at_least_once);
  auto s = segment(messages(0, 10));
  CHECK(loaded(s).rows == 10);
  CHECK(loaded(s, true).rows == 10);
  CHECK(rows() == 20);
  CHECK(keys() == 0);
}

TEST_CASE_METHOD(load_fixture, "two connections that load overlapping segments give each message once") {
  auto random = tests::seeded_random();
  pg::connection second(loop.get_executor(), db.options());
  REQUIRE(tests::run(loop, second.connect()).has_value());

  int total = 0;
  for (int round = 0; round < 20; ++round) {
    const int first = round * 1'000;
    auto a = messages(first, 600), b = messages(first + 300, 600);
    std::shuffle(a.begin(), a.end(), random);
    std::shuffle(b.begin(), b.end(), random);
    auto sa = segment(a), sb = segment(b);
    std::vector<result<pg::load_report>> ends;
    const auto keep = [&](std::exception_ptr e, result<pg::load_report> r) {
      REQUIRE_FALSE(e);
      ends.push_back(std::move(r));
    };
    boost::asio::co_spawn(loop, pg::load(c, loads, sa, nullptr, false), keep);
    boost::asio::co_spawn(loop, pg::load(second, loads, sb, nullptr, false), keep);
    loop.restart();
    loop.run();
    REQUIRE(ends.size() == 2);
    std::size_t loaded_rows = 0;
    for (const auto& end : ends) {
      INFO((end ? "" : end.error().line()));
      REQUIRE(end.has_value());
      loaded_rows += end->rows;
    }
    CHECK(loaded_rows == 900);
    total += 900;
  }
  CHECK(rows() == total);
  CHECK(db.number("SELECT count(DISTINCT n) FROM target") == total);
}

TEST_CASE_METHOD(load_fixture, "messages set aside are committed with the rows, their bodies sealed") {
  const auto keys_made = mask::key_ring::parse(mask::key_ring::generate("k1"), "test");
  REQUIRE(keys_made.has_value());
  auto sealer = mask::sealer::make(*keys_made);
  REQUIRE(sealer.has_value());

  auto s = segment(messages(0, 5));
  tests::message bad{.number = 5};
  bad.body = R"({"ip":"10.1.2.3"})";
  REQUIRE(s.add_refused(entry(bad), {.reason = "missing_field", .column = "it's"}));
  const auto r = load(s, false, &*sealer);
  REQUIRE(r.has_value());
  CHECK(r->rows == 5);
  CHECK(r->set_aside == 1);
  CHECK(r->tries == 1);

  const auto found = db.sql(
      "SELECT message_id, sent_ms, reason, sqlstate, column_name, receive_count, target, "
      "encode(body, 'hex'), set_aside_at > now() - interval '1 minute' FROM sluice.quarantine");
  REQUIRE(found.size() == 1);
  const std::string id = to_string(load_fixture::id(5));
  CHECK(found[0][0] == id);
  CHECK(found[0][1] == std::to_string(now_ms));
  CHECK(found[0][2] == "missing_field");
  CHECK(found[0][3] == std::nullopt);
  CHECK(found[0][4] == "it's");
  CHECK(found[0][5] == "1");
  CHECK(found[0][6] == "\"target\"");
  CHECK(found[0][8] == "t");
  const std::string body = unhex(found[0][7].value()).value();
  CHECK(body.find("10.1.2.3") == std::string::npos);
  const mask::sealed_entry of{.message_id = id, .target = "\"target\"", .reason = "missing_field"};
  CHECK(mask::unseal(body, of, **keys_made).value().body == bad.body);

  SECTION("and only once, if they come again") {
    auto again = segment({});
    REQUIRE(again.add_refused(entry(bad), {.reason = "missing_field"}));
    CHECK(loaded(again).duplicates == 1);
    CHECK(set_aside() == 1);
  }
}

TEST_CASE_METHOD(load_fixture, "a segment of nothing but messages set aside is committed") {
  auto s = segment({});
  for (int i = 0; i < 50; ++i) REQUIRE(s.add_refused(entry({.number = i}), {.reason = "not_json"}));
  const pg::load_report r = loaded(s);
  CHECK(r.set_aside == 50);
  CHECK(r.rows == 0);
  CHECK(keys() == 50);
  CHECK(db.number("SELECT count(*) FROM sluice.quarantine WHERE body IS NULL") == 50);
}

TEST_CASE_METHOD(load_fixture, "a link cut at any moment of a load is made good by a claim") {
  auto random = tests::seeded_random();
  int unknown = 0, committed_before = 0;
  for (int round = 0; round < 60; ++round) {
    auto s = segment(messages(round * 1'000, 1'000));
    boost::asio::steady_timer cut(loop, std::chrono::microseconds(random() % 12'000));
    cut.async_wait([&](const error_code& e) {
      if (!e) c.close();
    });
    auto first =
        tests::run(loop,
                   [](load_fixture& f, copy::segment& seg,
                      boost::asio::steady_timer& timer) -> boost::asio::awaitable<result<pg::load_report>> {
                     auto got = co_await pg::load(f.c, f.loads, seg, nullptr, false);
                     timer.cancel();
                     co_return got;
                   }(*this, s, cut));
    if (!first) {
      ++unknown;
      const verdict v = classify(first.error());  // reconnect: cut before it began
      CHECK((v == verdict::cancelled || v == verdict::reconnect));
      REQUIRE(tests::run(loop, c.connect()).has_value());
      committed_before += loaded(s, true).rows == 0;
    }
    REQUIRE(rows() == (round + 1) * 1'000);
  }
  CHECK(keys() == 60'000);
  CHECK(unknown > 0);
  WARN("cut " << unknown << " of 60 loads; " << committed_before << " of them had been committed");
}

TEST_CASE_METHOD(load_fixture,
                 "a backend terminated in the middle of a load is a reconnect, then exactly one row each") {
  db.sql(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END $$;"
      "CREATE TRIGGER slow BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION slow()");
  auto s = segment(messages(0, 1'000));
  boost::asio::steady_timer soon(loop, 100ms);
  soon.async_wait([&](const error_code&) {
    db.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sluice%'");
  });
  const auto got = load(s);
  REQUIRE_FALSE(got.has_value());
  CHECK(classify(got.error()) == verdict::reconnect);
  CHECK_FALSE(c.connected());
  CHECK(rows() == 0);

  db.sql("DROP TRIGGER slow ON target");
  REQUIRE(tests::run(loop, c.connect()).has_value());
  CHECK(loaded(s, true).rows == 1'000);
  CHECK(loaded(s, true).rows == 0);
  CHECK(rows() == 1'000);
}

TEST_CASE_METHOD(load_fixture, "what is not one row's fault loads nothing and says what to do") {
  auto s = segment(messages(0, 10));
  const auto refused = [&] {
    const auto got = load(s);
    REQUIRE_FALSE(got.has_value());
    INFO(got.error().line());
    CHECK(classify(got.error()) == verdict::fatal);
    CHECK(s.refused() == 0);
    CHECK(set_aside() == 0);
    return got.error().line();
  };
  using Catch::Matchers::ContainsSubstring;
  SECTION("the table is missing") {
    db.sql("DROP TABLE target");
    CHECK_THAT(refused(), ContainsSubstring("load into \"public\".\"target\"") &&
                              ContainsSubstring("42P01") && ContainsSubstring("sluice init-db"));
  }
  SECTION("the ledger is missing") {
    db.sql("DROP TABLE sluice.ledger");
    CHECK_THAT(refused(), ContainsSubstring("sluice init-db"));
  }
  SECTION("the ledger has no partition for the day") {
    db.sql(
        "DO $$ DECLARE p text; BEGIN FOR p IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE "
        "inhparent = "
        "'sluice.ledger'::regclass LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; END $$");
    CHECK_THAT(refused(), ContainsSubstring("23514"));
  }
  SECTION("a column has a shorter type now") {
    db.sql("ALTER TABLE target ALTER COLUMN n TYPE smallint");
    CHECK_THAT(refused(), ContainsSubstring("22P03") && ContainsSubstring("sluice check"));
  }
  SECTION("a column has a longer type now") {
    db.sql("ALTER TABLE target ALTER COLUMN n TYPE bigint");
    CHECK_THAT(refused(), ContainsSubstring("08P01") && ContainsSubstring("sluice check"));
  }
  SECTION("a column that the plan does not know must not be null now") {
    db.sql("ALTER TABLE target ADD COLUMN more int NOT NULL");
    CHECK_THAT(refused(), ContainsSubstring("23502"));
  }
  SECTION("row security is on") {
    db.sql(
        "CREATE ROLE etl LOGIN PASSWORD 'p'; GRANT INSERT ON target TO etl; GRANT USAGE ON SCHEMA sluice TO "
        "etl;"
        "GRANT INSERT, SELECT ON sluice.ledger TO etl; ALTER TABLE target ENABLE ROW LEVEL SECURITY");
    auto o = db.options();
    o.user = "etl";
    o.password = secret("p");
    c = pg::connection(loop.get_executor(), o);
    REQUIRE(tests::run(loop, c.connect()).has_value());
    CHECK_THAT(refused(), ContainsSubstring("row security"));
    db.sql("DROP OWNED BY etl; DROP ROLE etl");
  }
  SECTION("the standby is read only") {
    db.sql("ALTER DATABASE " + db.options().database + " SET default_transaction_read_only = on");
    c.close();
    db.end_sessions();
    REQUIRE(tests::run(loop, c.connect()).has_value());
    const auto got = load(s);
    REQUIRE_FALSE(got.has_value());
    CHECK(classify(got.error()) == verdict::reconnect);
    CHECK_FALSE(c.connected());
    CHECK_THAT(got.error().line(), ContainsSubstring("primary"));
    return;
  }
  if (db.value("SELECT to_regclass('target') IS NOT NULL") == "t") CHECK(rows() == 0);
}
