#include "pg/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>

#include "core/encoding.hpp"
#include "core/verdict.hpp"
#include "pg/errors.hpp"
#include "support/pg_fixture.hpp"
#include "support/run.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using boost::asio::awaitable;
namespace asio = boost::asio;

namespace {

struct fixture {
  tests::pg_database db;
  asio::io_context loop;
  pg::connection c{loop.get_executor(), db.options()};

  pg::query_result query(std::string_view sql, std::span<const pg::copy_source> sources = {}) {
    return tests::run(loop, c.query(sql, sources));
  }
  void connect() { REQUIRE(tests::run(loop, c.connect()).has_value()); }
};

failure refusal(const pg::connect_options& o) {
  asio::io_context loop;
  pg::connection c(loop.get_executor(), o);
  const auto connected = tests::run(loop, c.connect());
  REQUIRE_FALSE(connected.has_value());
  CHECK_FALSE(c.connected());
  INFO(connected.error().line());
  return connected.error();
}

std::string state(const failure& f) {
  return f.code.category() == sqlstate_category() ? to_string(sqlstate_text(f.code)) : f.code.message();
}

/// A port on which nobody listens: bound, so that nobody else takes it.
struct silent_port {
  asio::io_context loop;
  asio::ip::tcp::acceptor socket{loop, asio::ip::tcp::v4()};
  explicit silent_port(bool listens) {
    socket.bind({asio::ip::address_v4::loopback(), 0});
    if (listens) socket.listen();
  }
  std::string port() const { return std::to_string(socket.local_endpoint().port()); }
};

std::string at(const pg::connect_options& o) {
  return "127.0.0.1:" + o.port;
}

}  // namespace

TEST_CASE_METHOD(fixture, "a query gives its rows as text, and null as nothing") {
  connect();
  CHECK(c.server_version() >= 150000);
  const auto got = query("SELECT 1, 'h\u00e9llo', NULL UNION ALL SELECT 2, '', 'x' ORDER BY 1");
  REQUIRE(got.has_value());
  using text = std::optional<std::string>;
  CHECK(got->values == std::vector<std::vector<text>>{{"1", "h\u00e9llo", std::nullopt}, {"2", "", "x"}});
  CHECK(got->affected == 2);
  CHECK(got->tag == "SELECT 2");
}

TEST_CASE_METHOD(fixture, "a statement takes parameters as text") {
  connect();
  const auto got = tests::run(loop, c.execute("SELECT $1::int + 1, $2::text", {"41", std::nullopt}));
  REQUIRE(got.has_value());
  CHECK(got->values.at(0).at(0) == "42");
  CHECK_FALSE(got->values.at(0).at(1).has_value());
}

TEST_CASE_METHOD(fixture, "the connection is over TCP, over a socket, or to a name that is looked up") {
  auto o = db.options();
  SECTION("TCP") {}
  SECTION("socket") {
    o.host = db.socket_directory();
  }
  SECTION("name") {
    o.host = "localhost";
  }
  SECTION("a list whose first has no server") {
    const silent_port closed(false);
    o.host = "127.0.0.1,localhost";
    o.port = closed.port() + "," + o.port;
  }
  pg::connection other(loop.get_executor(), o);
  const auto connected = tests::run(loop, other.connect());
  INFO((connected ? "" : connected.error().line()));
  REQUIRE(connected.has_value());
  const auto got =
      tests::run(loop, other.query("SELECT current_database(), current_setting('client_encoding')"));
  CHECK(got->values.at(0).at(0) == o.database);
  CHECK(got->values.at(0).at(1) == "UTF8");
}

TEST_CASE_METHOD(fixture, "where a field is empty libpq's environment applies") {
  const auto o = db.options();
  setenv("PGHOST", o.host.c_str(), 1);
  setenv("PGPORT", o.port.c_str(), 1);
  setenv("PGUSER", o.user.c_str(), 1);
  setenv("PGDATABASE", o.database.c_str(), 1);
  setenv("PGPASSWORD", o.password.c_str(), 1);
  pg::connection other(loop.get_executor(), {});
  const auto connected = tests::run(loop, other.connect());
  for (const char* name : {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"}) unsetenv(name);
  REQUIRE(connected.has_value());
  CHECK(other.options().where() == at(o) + "/" + o.database + " as sluice");
}

TEST_CASE("a refused connection says what to look at") {
  const tests::pg_database db;
  auto o = db.options();

  SECTION("wrong password") {
    o.password = secret("wrong");
    const failure f = refusal(o);
    CHECK(f.line() == "password refused for user sluice at " + at(o) + "; check PGUSER and PGPASSWORD");
    CHECK(classify(f) == verdict::auth);
  }
  SECTION("no password") {
    o.password = {};
    const failure f = refusal(o);
    CHECK(f.line() == "PostgreSQL at " + at(o) + " asks user sluice for a password; set PGPASSWORD");
    CHECK(classify(f) == verdict::fatal);
  }
  SECTION("no such role looks like a wrong password, as the server has it") {
    o.user = "nobody_here";
    CHECK(state(refusal(o)) == "28P01");
  }
  SECTION("no such database") {
    o.database = "missing";
    const failure f = refusal(o);
    CHECK(f.line() == "database missing does not exist at " + at(o) + "; create it, or set PGDATABASE");
    CHECK(classify(f) == verdict::fatal);
  }
  SECTION("nobody listens") {
    const silent_port closed(false);
    o.port = closed.port();
    const failure f = refusal(o);
    CHECK(f.line() == "database refused the connection at " + at(o) +
                          "; is PostgreSQL running there? see PGHOST and PGPORT");
    CHECK(classify(f) == verdict::reconnect);
  }
  SECTION("no socket there") {
    o.host = "/tmp";
    o.port = "1";
    CHECK(refusal(o).line() ==
          "database refused the connection at /tmp/.s.PGSQL.1; is PostgreSQL running there? see PGHOST and "
          "PGPORT");
  }
  SECTION("TLS asked of a server without") {
    o.extra = {{"sslmode", "require"}};
    const failure f = refusal(o);
    CHECK(f.code == errc::tls_refused);
    CHECK(f.what == "PostgreSQL at " + at(o) + " has no TLS");
  }
  SECTION("a name that nobody knows") {
    o.host = "database.invalid";
    const failure f = refusal(o);
    CHECK(f.line() == "database host database.invalid is not known; check PGHOST");
    CHECK(classify(f) == verdict::reconnect);
  }
  SECTION("no answer at all") {
    const silent_port silent(true);
    o.port = silent.port();
    o.connect_timeout = 100ms;
    const failure f = refusal(o);
    CHECK(f.code == errc::timed_out);
    CHECK(f.what == "no answer from PostgreSQL at " + at(o) + "/" + o.database + " as sluice within 100 ms");
  }
}

TEST_CASE("a refusal for lack of connections can be tried again") {
  tests::pg_database db;
  db.sql("CREATE ROLE narrow LOGIN PASSWORD 'p' CONNECTION LIMIT 0");
  auto o = db.options();
  o.user = "narrow";
  o.password = secret("p");
  const failure f = refusal(o);
  db.sql("DROP ROLE narrow");
  CHECK(f.what == "PostgreSQL at " + at(o) + " has no connection left");
  CHECK(classify(f) == verdict::retry);
}

TEST_CASE_METHOD(fixture, "a user without CONNECT is told so") {
  db.sql("CREATE ROLE outsider LOGIN PASSWORD 'p'; REVOKE CONNECT ON DATABASE " + db.options().database +
         " FROM PUBLIC");
  auto o = db.options();
  o.user = "outsider";
  o.password = secret("p");
  CHECK(refusal(o).what == "user outsider may not connect to database " + o.database + " at " + at(o));
  db.sql("DROP ROLE outsider");
}

TEST_CASE_METHOD(fixture, "each COPY of a query is answered with the next source") {
  connect();
  REQUIRE(query("CREATE TABLE a (x text); CREATE TABLE b (x text)").has_value());
  const pg::copy_source sources[] = {{bytes_of("one\n"), bytes_of("two\n")}, {bytes_of("three\n")}};
  const auto done = query("BEGIN; COPY a FROM STDIN; COPY b FROM STDIN; COMMIT", sources);
  REQUIRE(done.has_value());
  CHECK(done->tag == "COMMIT");
  CHECK(done->affected == 1);
  CHECK(db.value("SELECT string_agg(x, ',') FROM a") == "one,two");
  CHECK(db.value("SELECT string_agg(x, ',') FROM b") == "three");
}

TEST_CASE_METHOD(fixture, "the first error ends a query, and says which statement it was") {
  connect();
  REQUIRE(
      query("CREATE TABLE a (x int CONSTRAINT small CHECK (x < 10)); CREATE TABLE b (x int)").has_value());
  const pg::copy_source sources[] = {{bytes_of("1\n")}, {bytes_of("2\n3\n400\n5\n")}};
  const auto done = query("BEGIN; COPY b FROM STDIN; COPY a FROM STDIN; COMMIT", sources);
  REQUIRE_FALSE(done.has_value());
  const pg::server_error& e = done.error();
  CHECK(state(e.why) == "23514");
  CHECK(e.table == "a");
  CHECK(e.constraint == "small");
  CHECK(pg::parse_copy_context(e.copy_context, "a") == pg::copy_place{3, ""});
  CHECK(e.statement == 2);
  CHECK(c.connected());

  tests::run(loop, c.rollback());
  CHECK(query("SELECT count(*) FROM b")->values.at(0).at(0) == "0");
}

TEST_CASE_METHOD(fixture, "a failed transaction that is committed says ROLLBACK") {
  connect();
  REQUIRE(query("BEGIN").has_value());
  REQUIRE_FALSE(query("SELECT 1/0").has_value());
  const auto done = query("COMMIT");
  REQUIRE(done.has_value());
  CHECK(done->tag == "ROLLBACK");
}

TEST_CASE_METHOD(fixture, "an error shows its code and its place, never a value") {
  connect();
  REQUIRE(query("CREATE TABLE t (a int, b int)").has_value());
  const pg::copy_source sources[] = {{bytes_of("1\t2\n3\tsecret\n")}};
  const auto done = query("COPY t FROM STDIN", sources);
  REQUIRE_FALSE(done.has_value());
  const pg::server_error& e = done.error();
  CHECK(state(e.why) == "22P02");
  CHECK(pg::parse_copy_context(e.copy_context, "t") == pg::copy_place{2, "b"});
  for (const std::string& text :
       {e.why.what, e.why.fix, e.why.server_text, e.column, e.table, e.constraint}) {
    CHECK(text.find("secret") == std::string::npos);
  }
}

TEST_CASE_METHOD(fixture, "a COPY larger than any buffer goes through while the server sends notices") {
  connect();
  // Every row makes the server send a long notice: it stops reading when nobody takes them.
  REQUIRE(query("CREATE TABLE t (x text);"
                "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$"
                "BEGIN RAISE WARNING '%', repeat('n', 2000); RETURN NEW; END $$;"
                "CREATE TRIGGER say BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION say()")
              .has_value());
  const std::string line = std::string(999, 'x') + '\n';
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += line;
  const pg::copy_source sources[] = {{bytes_of(text)}};
  const auto done = query("COPY t FROM STDIN", sources);
  REQUIRE(done.has_value());
  CHECK(done->affected == 20'000);
}

TEST_CASE_METHOD(fixture, "many small parts of a source arrive in order") {
  connect();
  REQUIRE(query("CREATE TABLE t (n serial, x text)").has_value());
  std::vector<std::string> lines;
  for (int i = 0; i < 30'000; ++i) lines.push_back(std::to_string(i) + "\n");
  pg::copy_source source;
  for (const auto& line : lines) source.push_back(bytes_of(line));
  REQUIRE(query("COPY t(x) FROM STDIN", std::span(&source, 1))->affected == 30'000);
  CHECK(db.number("SELECT count(*) FROM t WHERE x::int <> n - 1") == 0);
}

TEST_CASE_METHOD(fixture, "an answer that does not come in time closes the connection") {
  auto o = db.options();
  o.statement_timeout = 150ms;
  pg::connection slow(loop.get_executor(), o);
  REQUIRE(tests::run(loop, slow.connect()).has_value());
  const auto done = tests::run(loop, slow.query("SELECT pg_sleep(10)"));
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().why.code == errc::timed_out);
  CHECK_FALSE(slow.connected());
  REQUIRE(tests::run(loop, slow.connect()).has_value());
  CHECK(tests::run(loop, slow.query("SELECT 1")).has_value());
}

TEST_CASE_METHOD(fixture, "closing from outside ends a call in flight") {
  connect();
  asio::steady_timer soon(loop, 100ms);
  soon.async_wait([&](const error_code&) { c.close(); });
  const auto done = query("SELECT pg_sleep(10)");
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().why.code == errc::cancelled);
  CHECK_FALSE(c.connected());
  CHECK(query("SELECT 1").error().why.code == errc::connection_closed);
  connect();
  CHECK(query("SELECT 1").has_value());
}

TEST_CASE_METHOD(fixture, "closing from outside ends a COPY that the server does not read") {
  connect();
  REQUIRE(query("CREATE TABLE t (x text)").has_value());
  db.sql("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
  const std::string text(64U << 20U, '\n');
  const pg::copy_source sources[] = {{bytes_of(text)}};
  asio::steady_timer soon(loop, 100ms);
  soon.async_wait([&](const error_code&) { c.close(); });
  const auto done = query("COPY t FROM STDIN", sources);
  db.sql("ROLLBACK");
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().why.code == errc::cancelled);
}

TEST_CASE("closing from outside ends connecting") {
  const silent_port silent(true);
  asio::io_context loop;
  pg::connect_options o;
  o.host = "127.0.0.1";
  o.port = silent.port();
  pg::connection c(loop.get_executor(), o);
  asio::steady_timer soon(loop, 50ms);
  soon.async_wait([&](const error_code&) { c.close(); });
  const auto done = tests::run(loop, c.connect());
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::cancelled);
}

TEST_CASE("closing from outside ends a wait for a password") {
  asio::io_context loop;
  pg::connect_options o;
  o.host = "127.0.0.1";
  o.password_for = [](asio::any_io_executor executor, const pg::connect_options&,
                      asio::cancellation_slot end) -> asio::awaitable<result<secret>> {
    asio::steady_timer never(executor, asio::steady_timer::time_point::max());
    error_code ended;
    co_await never.async_wait(
        asio::bind_cancellation_slot(end, asio::redirect_error(asio::use_awaitable, ended)));
    co_return failure(ended, "no password");
  };
  pg::connection c(loop.get_executor(), o);
  asio::steady_timer soon(loop, 50ms);
  soon.async_wait([&](const error_code&) { c.close(); });
  const auto done = tests::run(loop, c.connect());
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == errc::cancelled);
}

TEST_CASE_METHOD(fixture, "a backend that is terminated is a lost connection") {
  connect();
  const auto pid = query("SELECT pg_backend_pid()")->values.at(0).at(0).value();
  SECTION("while idle") {
    db.sql("SELECT pg_terminate_backend(" + pid + ")");
  }
  SECTION("in a statement") {
    asio::steady_timer soon(loop, 100ms);
    soon.async_wait([&](const error_code&) { db.sql("SELECT pg_terminate_backend(" + pid + ")"); });
    const auto done = query("SELECT pg_sleep(10)");
    REQUIRE_FALSE(done.has_value());
    CHECK(classify(done.error().why) == verdict::reconnect);
    CHECK_FALSE(c.connected());
    return;
  }
  const auto done = query("SELECT 1");
  REQUIRE_FALSE(done.has_value());
  CHECK(classify(done.error().why) == verdict::reconnect);
  CHECK_FALSE(c.connected());
  connect();
  CHECK(query("SELECT 1").has_value());
}

TEST_CASE_METHOD(fixture, "a rollback ends an open transaction, and does nothing without one") {
  connect();
  tests::run(loop, c.rollback());
  REQUIRE(query("BEGIN; CREATE TABLE t (x int)").has_value());
  tests::run(loop, c.rollback());
  CHECK(query("SELECT to_regclass('t')")->values.at(0).at(0) == std::nullopt);
}

TEST_CASE_METHOD(fixture, "names and texts are quoted so that the server reads them back") {
  connect();
  for (const std::string text :
       {"plain", "it's", "a\"b", "back\\slash", "'; DROP TABLE x; --", "\\'", "\u00e9"}) {
    CHECK(query("SELECT " + pg::quote_literal(text))->values.at(0).at(0) == text);
    CHECK(query("SET standard_conforming_strings = off; SELECT " + pg::quote_literal(text))
              ->values.at(0)
              .at(0) == text);
    CHECK(query("CREATE TEMP TABLE " + pg::quote_identifier(text) + " (x int)").has_value());
  }
  CHECK(query("SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
            ->values.at(0)
            .at(0) == "7");
}

TEST_CASE_METHOD(fixture, "an address that says nothing is not the first of the next attempt") {
  const silent_port silent(true);
  auto o = db.options();
  o.host = "127.0.0.1,127.0.0.1";
  o.port = silent.port() + "," + o.port;
  o.connect_timeout = 300ms;
  pg::connection patient(loop.get_executor(), o);
  int attempts = 0;
  while (attempts < 10 && !patient.connected()) {
    ++attempts;
    static_cast<void>(tests::run(loop, patient.connect()));
  }
  CHECK(patient.connected());
  CHECK(attempts > 1);
}

TEST_CASE_METHOD(fixture, "a server that has become a standby is not the first of the next attempt") {
  const silent_port silent(true);
  auto o = db.options();
  o.host = "127.0.0.1,127.0.0.1";
  o.port += "," + silent.port();
  o.connect_timeout = 300ms;
  pg::connection moved(loop.get_executor(), o);
  REQUIRE(tests::run(loop, moved.connect()).has_value());
  REQUIRE(tests::run(loop, moved.query("SET default_transaction_read_only = on")).has_value());
  const auto refused = tests::run(loop, moved.query("CREATE TABLE t ()"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(state(refused.error().why) == "25006");
  CHECK_FALSE(moved.connected());
  CHECK(tests::run(loop, moved.connect()).error().code == errc::timed_out);
  CHECK(tests::run(loop, moved.connect()).has_value());
}
