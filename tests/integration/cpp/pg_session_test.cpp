#include "pg/session.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <string>

#include "support/pg_fixture.hpp"
#include "support/run.hpp"

using namespace sluice;
using namespace tests;
using namespace std::chrono_literals;

namespace {

struct session {
  pg_database db;
  boost::asio::io_context loop;
  pg::connect_options o = db.options();
  pg::connection c{loop.get_executor(), o};

  void open(const std::string& options) {
    o.extra.emplace_back("options", options);
    c = pg::connection(loop.get_executor(), o);
    REQUIRE(run(loop, c.connect()));
  }
  std::string setting(const std::string& name) {
    const auto shown = run(loop, c.query("SHOW " + name));
    return shown.value().values.at(0).at(0).value();
  }
  void begin(std::chrono::milliseconds statement_timeout = 60s) {
    REQUIRE(run(loop, c.query("BEGIN; " + pg::local_settings(statement_timeout))).has_value());
  }
  void end() { REQUIRE(run(loop, c.query("COMMIT")).has_value()); }
};

}  // namespace

TEST_CASE_METHOD(session, "a transaction waits for the disk, and is noticed when its host is gone") {
  const auto given = GENERATE("off", "on", "remote_apply");
  open(std::string("-c synchronous_commit=") + given);
  begin();
  CHECK(setting("synchronous_commit") == (std::string(given) == "off" ? "on" : given));
  CHECK(setting("tcp_keepalives_idle") == "30");
  CHECK(setting("tcp_keepalives_interval") == "10");
  CHECK(setting("tcp_keepalives_count") == "3");
  CHECK(setting("client_connection_check_interval") == "10s");
  end();
}

TEST_CASE_METHOD(session, "what a transaction sets for itself is not met by the next of its session") {
  open("-c synchronous_commit=off");
  const std::string all =
      "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name <> "
      "'transaction_isolation'";
  const auto settings = [&] { return run(loop, c.query(all)).value().values; };
  const auto before = settings();
  begin();
  CHECK(settings() != before);
  end();
  CHECK(settings() == before);
}

TEST_CASE_METHOD(session, "text is taken as UTF-8, whatever a session's last client has set") {
  open("-c lock_timeout=0");
  REQUIRE(run(loop, c.query("SET client_encoding = LATIN1")).has_value());
  begin();
  CHECK(setting("client_encoding") == "UTF8");
  end();
}

TEST_CASE_METHOD(session, "a wait for a lock ends before the connection is given up") {
  open("-c lock_timeout=0");
  db.sql("CREATE TABLE t ()");
  db.sql("BEGIN; LOCK TABLE t");
  begin(400ms);
  CHECK(setting("lock_timeout") == "300ms");
  CHECK(setting("statement_timeout") == "350ms");
  const auto refused = run(loop, c.query("SELECT FROM t"));
  db.sql("ROLLBACK");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().why.code == sqlstate("55P03"));
  CHECK(c.connected());
}

TEST_CASE_METHOD(session, "a lock_timeout of the role's own stays") {
  open("-c lock_timeout=7s");
  begin();
  CHECK(setting("lock_timeout") == "7s");
  end();
}
