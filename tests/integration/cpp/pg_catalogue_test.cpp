#include "pg/catalogue.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "pg/upkeep.hpp"
#include "pg_load_fixture.hpp"

using namespace sluice;
using record::column_type;

namespace {

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
  std::vector<std::string> problems() {
    auto found = tests::run(loop, pg::check_schema(c, plan));
    INFO((found ? "" : found.error().line()));
    REQUIRE(found.has_value());
    std::vector<std::string> found_lines;
    for (const failure& f : *found) {
      CHECK(f.code == errc::schema_mismatch);
      found_lines.push_back(f.line());
    }
    return found_lines;
  }
  using lines = std::vector<std::string>;
  void be_role(const std::string& rights) {
    db.sql("CREATE ROLE etl LOGIN PASSWORD 'p'; " + rights);
    auto o = db.options();
    o.user = "etl";
    o.password = secret("p");
    c = pg::connection(loop.get_executor(), o);
    REQUIRE(tests::run(loop, c.connect()).has_value());
  }
  void drop_role() {
    c.close();
    db.sql("DROP OWNED BY etl; DROP ROLE etl");
  }
};

record::column column_of(std::string name, column_type type, std::uint32_t length_max = 0) {
  record::column c;
  c.name = std::move(name);
  c.type = type;
  c.length_max = length_max;
  return c;
}

}  // namespace

TEST_CASE_METHOD(fixture, "what init makes is what check wants, and init may run again") {
  plan.columns = {column_of("a", column_type::text),
                  column_of("b", column_type::varchar, 9),
                  column_of("c", column_type::smallint),
                  column_of("d", column_type::integer),
                  column_of("e", column_type::bigint),
                  column_of("f", column_type::real),
                  column_of("g", column_type::double_precision),
                  column_of("h", column_type::boolean),
                  column_of("i", column_type::date),
                  column_of("j", column_type::timestamptz),
                  column_of("k", column_type::uuid),
                  column_of("l", column_type::jsonb)};
  init();
  CHECK(problems() == lines{});
  init();
  CHECK(problems() == lines{});
}

TEST_CASE_METHOD(fixture, "names that would break out of their quotes are names") {
  plan.schema = "my \"schema\"";
  plan.table = "t'; DROP TABLE x; --";
  plan.columns[0].name = "a\"b";
  plan.columns[1].name = "select";
  init();
  CHECK(problems() == lines{});
  CHECK(db.number("SELECT count(*) FROM \"my \"\"schema\"\"\".\"t'; DROP TABLE x; --\"") == 0);
}

TEST_CASE_METHOD(fixture, "a table that Citus distributes is refused") {
  init();
  // Citus is not at hand: its catalog by hand.
  db.sql(
      "SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass)");
  CHECK(problems() == lines{});
  db.sql("INSERT INTO pg_catalog.pg_dist_partition VALUES ('target')");
  const auto found = problems();
  REQUIRE(found.size() == 1);
  CHECK(found[0].find("Citus distributes \"public\".\"target\"") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "an empty database lacks everything") {
  CHECK(problems() ==
        lines{"table \"public\".\"target\" does not exist at " + c.options().where() + "; run sluice init-db",
              "table sluice.ledger does not exist; run sluice init-db",
              "table sluice.quarantine does not exist; run sluice init-db",
              "the upkeep of the ledger does not exist; run sluice init-db"});
}

TEST_CASE_METHOD(fixture, "each difference between table and plan is one problem") {
  init();
  const auto one = [&](const std::string& change) {
    db.sql(change);
    const auto found = problems();
    REQUIRE(found.size() == 1);
    return found[0];
  };
  SECTION("missing column") {
    CHECK(one("ALTER TABLE target DROP COLUMN name") ==
          "table \"public\".\"target\" has no column \"name\"; ALTER TABLE \"public\".\"target\" ADD COLUMN "
          "\"name\" varchar(10)");
  }
  SECTION("wrong type") {
    CHECK(one("ALTER TABLE target ALTER COLUMN n TYPE bigint") ==
          "column \"n\" of \"public\".\"target\" is bigint, the plan has integer; "
          "change the plan, or ALTER TABLE \"public\".\"target\" ALTER COLUMN \"n\" TYPE integer");
  }
  SECTION("too short") {
    CHECK(one("ALTER TABLE target ALTER COLUMN name TYPE varchar(9)") ==
          "column \"name\" of \"public\".\"target\" is character varying(9), too short for the plan's "
          "varchar(10); "
          "change the plan, or ALTER TABLE \"public\".\"target\" ALTER COLUMN \"name\" TYPE varchar(10)");
  }
  SECTION("too short for text") {
    plan.columns[1].type = column_type::text;
    plan.columns[1].length_max = 0;
    CHECK(problems().size() == 1);
  }
  SECTION("not null, and not written") {
    CHECK(one("ALTER TABLE target ADD COLUMN more int NOT NULL") ==
          "column \"more\" of \"public\".\"target\" must not be null, and the plan does not write it; "
          "add it to the plan, or give it a default");
  }
  SECTION("generated") {
    CHECK(one("ALTER TABLE target DROP COLUMN n; ALTER TABLE target ADD COLUMN n int GENERATED ALWAYS AS (1) "
              "STORED") == "column \"n\" of \"public\".\"target\" is generated; leave it out of the plan");
  }
  SECTION("json is not jsonb") {
    plan.columns[1].type = column_type::jsonb;
    CHECK(one("ALTER TABLE target ALTER COLUMN name TYPE json USING 'null'")
              .starts_with("column \"name\" of \"public\".\"target\" is json,"));
  }
}

TEST_CASE_METHOD(fixture, "differences that do not matter are none") {
  init();
  db.sql(
      "ALTER TABLE target ADD COLUMN a int DEFAULT 1 NOT NULL, ADD COLUMN b int GENERATED ALWAYS AS IDENTITY,"
      "ADD COLUMN c int GENERATED ALWAYS AS (1) STORED NOT NULL, ADD COLUMN d int");
  SECTION("longer") {
    db.sql("ALTER TABLE target ALTER COLUMN name TYPE varchar(99)");
  }
  SECTION("without limit") {
    db.sql("ALTER TABLE target ALTER COLUMN name TYPE text");
  }
  SECTION("domains") {
    db.sql(
        "CREATE DOMAIN small AS int CHECK (value < 10); CREATE DOMAIN smaller AS small CHECK (value < 5);"
        "CREATE DOMAIN word AS varchar(20);"
        "ALTER TABLE target ALTER COLUMN n TYPE smaller; ALTER TABLE target ALTER COLUMN name TYPE word");
  }
  SECTION("enum") {
    db.sql("CREATE TYPE e AS ENUM ('x'); ALTER TABLE target ALTER COLUMN name TYPE e USING 'x'");
  }
  CHECK(problems() == lines{});
}

TEST_CASE_METHOD(fixture, "a role without rights is told which to grant") {
  init();
  be_role("SELECT 1");
  const auto without_schema = problems();
  db.sql("GRANT USAGE ON SCHEMA sluice TO etl");
  const auto without_tables = problems();
  db.sql(
      "GRANT INSERT ON target TO etl; GRANT INSERT, SELECT ON sluice.ledger TO etl;"
      "GRANT INSERT ON sluice.quarantine TO etl;"
      "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sluice TO etl");
  const auto granted = problems();
  // What check asks for is enough.
  const auto target = tests::run(loop, pg::read_target(c, plan)).value();
  const auto loads =
      pg::load_plan::make(plan, pg::load_mode::exactly_once, pg::bad_messages::quarantine, target).value();
  copy::segment s({.rows_max = 10, .row_bytes = 10, .body_bytes = 10, .handle_bytes = 10});
  REQUIRE(s.add_refused({}, {.reason = "not_json"}));
  const auto set_aside = tests::run(loop, pg::load(c, loads, s, nullptr, true));
  const auto told = tests::run(loop, pg::remember_retention(c, "q", std::chrono::days(4)));
  const auto kept = tests::run(loop, pg::maintain_ledger(c));
  drop_role();

  CHECK(std::ranges::find(without_schema,
                          "schema sluice may not be used; GRANT USAGE ON SCHEMA sluice TO \"etl\"") !=
        without_schema.end());
  CHECK(
      without_tables ==
      lines{
          "table \"public\".\"target\" may not be written; GRANT INSERT ON \"public\".\"target\" TO \"etl\"",
          "table sluice.ledger may not be written; GRANT INSERT, SELECT ON sluice.ledger TO \"etl\"",
          "table sluice.quarantine may not be written; GRANT INSERT ON sluice.quarantine TO \"etl\"",
          "the upkeep of the ledger may not be called; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sluice TO "
          "\"etl\""});
  CHECK(granted == lines{});
  CHECK(set_aside.has_value());
  CHECK(told.has_value());
  CHECK(kept.has_value());
}

TEST_CASE_METHOD(
    fixture,
    "a role that cannot use the table's schema, or not for an upsert, is told which rights it lacks") {
  plan.schema = "events";
  init();
  be_role("GRANT USAGE ON SCHEMA sluice TO etl; GRANT INSERT ON events.target TO etl");
  const auto without_schema = problems();
  db.sql("GRANT USAGE ON SCHEMA events TO etl; REVOKE TEMPORARY ON DATABASE " +
         db.value("SELECT current_database()") + " FROM PUBLIC");
  const auto refused = [&] {
    const auto target = tests::run(loop, pg::read_target(c, plan)).value();
    const auto fits = pg::load_plan::make(plan, pg::load_mode::upsert, pg::bad_messages::quarantine, target);
    REQUIRE_FALSE(fits.has_value());
    return fits.error().fix;
  };
  const auto without_update = refused();
  db.sql("GRANT SELECT, UPDATE ON events.target TO etl");
  const auto without_temporary = refused();
  db.sql("GRANT TEMPORARY ON DATABASE " + db.value("SELECT current_database()") + " TO etl");
  const auto with_rights = refused();
  drop_role();

  CHECK(std::ranges::find(without_schema,
                          "schema events may not be used; GRANT USAGE ON SCHEMA \"events\" TO \"etl\"") !=
        without_schema.end());
  CHECK(without_update == "GRANT SELECT, UPDATE ON \"events\".\"target\" TO etl");
  CHECK(without_temporary.starts_with("GRANT TEMPORARY ON DATABASE test_"));
  CHECK(with_rights.starts_with("add a column with from"));
}

TEST_CASE_METHOD(fixture,
                 "a table that a crash would empty is refused, and so is one with such a partition") {
  init();
  const auto refused = [&] {
    const lines found = problems();
    return found.size() == 1 && found[0].starts_with("table \"public\".\"target\" is unlogged");
  };
  db.sql("ALTER TABLE target SET UNLOGGED");
  CHECK(refused());
  db.sql(
      "DROP TABLE target; CREATE TABLE target (n integer, name varchar(10)) PARTITION BY RANGE (n); "
      "CREATE TABLE low PARTITION OF target FOR VALUES FROM (0) TO (10)");
  CHECK(problems() == lines{});
  db.sql("CREATE UNLOGGED TABLE high PARTITION OF target FOR VALUES FROM (10) TO (20)");
  CHECK(refused());
}

TEST_CASE_METHOD(fixture,
                 "what is no table of this database is refused, and so is one with such a partition") {
  init();
  const auto refused = [&](const std::string& change, const std::string& words) {
    db.sql("DROP TABLE IF EXISTS target CASCADE; " + change);
    const lines found = problems();
    INFO(change << (found.empty() ? " is taken" : ": " + found[0]));
    CHECK((found.size() == 1 && found[0].find(words) != std::string::npos));
  };
  const std::string columns = "(n integer, name varchar(10))";
  db.sql("CREATE TABLE kept " + columns +
         "; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
         "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kept VALUES (NEW.n, "
         "NEW.name); RETURN NULL; END $$");
  refused("CREATE FOREIGN TABLE target " + columns + " SERVER s", "\"public\".\"target\" is a foreign table");
  db.sql("DROP FOREIGN TABLE target");
  refused(
      "CREATE VIEW target AS SELECT * FROM kept; CREATE TRIGGER f INSTEAD OF INSERT ON target FOR EACH ROW "
      "EXECUTE FUNCTION f()",
      "\"public\".\"target\" is a view");
  db.sql("DROP VIEW target");
  refused("CREATE MATERIALIZED VIEW target AS SELECT * FROM kept",
          "\"public\".\"target\" is a materialized view");
  db.sql("DROP MATERIALIZED VIEW target");
  refused("CREATE SEQUENCE target", "\"public\".\"target\" is a sequence");
  db.sql("DROP SEQUENCE target");
  refused("CREATE INDEX target ON kept (n)", "\"public\".\"target\" is no table");
  db.sql("DROP INDEX target");
  refused("CREATE TABLE target " + columns +
              " PARTITION BY RANGE (n); CREATE TABLE low PARTITION OF target FOR VALUES FROM (0) TO (10); "
              "CREATE FOREIGN TABLE high PARTITION OF target FOR VALUES FROM (10) TO (20) SERVER s",
          "a partition of \"public\".\"target\" is a foreign table");
  refused(
      "CREATE TABLE target " + columns +
          "; CREATE TABLE child () INHERITS (target); CREATE TRIGGER f BEFORE INSERT ON target FOR EACH ROW "
          "EXECUTE FUNCTION f()",
      "a trigger of \"public\".\"target\" may bring rows to its children");
  db.sql("ALTER TABLE target DISABLE TRIGGER f");
  CHECK(problems() == lines{});
}

TEST_CASE_METHOD(fixture, "the trigger by which TimescaleDB guards a hypertable is no reason to refuse it") {
  init();
  db.sql(
      "CREATE TABLE chunk () INHERITS (target); CREATE SCHEMA _timescaledb_functions; "
      "CREATE FUNCTION _timescaledb_functions.insert_blocker() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE 'invalid INSERT on the root table'; END $$; CREATE TRIGGER ts_insert_blocker BEFORE "
      "INSERT ON target FOR EACH ROW EXECUTE FUNCTION _timescaledb_functions.insert_blocker()");
  CHECK(problems() == lines{});
  db.sql("ALTER FUNCTION _timescaledb_functions.insert_blocker() SET SCHEMA public");
  CHECK(
      problems() ==
      lines{
          "a trigger of \"public\".\"target\" may bring rows to its children, where they cannot be counted; "
          "partition it with PARTITION BY, or name one of the children"});
}
