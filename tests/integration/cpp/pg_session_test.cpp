#include "pg/session.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "support/pg_fixture.hpp"
#include "support/run.hpp"

using namespace sluice;
using namespace tests;

namespace {

std::string setting(boost::asio::io_context& loop, pg::connection& c, const std::string& name) {
  const auto shown = run(loop, c.query("SHOW " + name));
  return shown.value().values.at(0).at(0).value();
}

}  // namespace

TEST_CASE("a session that loads waits for the disk, and is noticed within a minute when its host is gone") {
  pg_database db;
  boost::asio::io_context loop;
  pg::connect_options o = db.options();
  const auto given = GENERATE("off", "on", "remote_apply");
  o.extra.emplace_back("options", std::string("-c synchronous_commit=") + given);
  pg::connection c(loop.get_executor(), o);
  REQUIRE(run(loop, c.connect()));
  REQUIRE(run(loop, pg::prepare_session(c)));
  CHECK(setting(loop, c, "synchronous_commit") == (std::string(given) == "off" ? "on" : given));
  CHECK(setting(loop, c, "tcp_keepalives_idle") == "30");
  CHECK(setting(loop, c, "tcp_keepalives_interval") == "10");
  CHECK(setting(loop, c, "tcp_keepalives_count") == "3");
}

TEST_CASE("a wait for a lock ends before the connection is given up") {
  pg_database db;
  boost::asio::io_context loop;
  pg::connect_options o = db.options();
  o.statement_timeout = std::chrono::milliseconds(400);
  pg::connection c(loop.get_executor(), o);
  REQUIRE(run(loop, c.connect()));
  REQUIRE(run(loop, pg::prepare_session(c)));
  CHECK(setting(loop, c, "lock_timeout") == "300ms");
  CHECK(setting(loop, c, "client_connection_check_interval") == "10s");
  db.sql("CREATE TABLE t ()");
  db.sql("BEGIN; LOCK TABLE t");
  const auto refused = run(loop, c.query("SELECT FROM t"));
  db.sql("ROLLBACK");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().why.code == sqlstate("55P03"));
  CHECK(c.connected());
}

TEST_CASE("a lock_timeout of the role's own stays") {
  pg_database db;
  boost::asio::io_context loop;
  pg::connect_options o = db.options();
  o.extra.emplace_back("options", "-c lock_timeout=7s");
  pg::connection c(loop.get_executor(), o);
  REQUIRE(run(loop, c.connect()));
  REQUIRE(run(loop, pg::prepare_session(c)));
  CHECK(setting(loop, c, "lock_timeout") == "7s");
}
