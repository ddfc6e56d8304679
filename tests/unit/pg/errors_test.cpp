#include "pg/errors.hpp"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "core/verdict.hpp"

using namespace sluice;
using pg::copy_place;
using pg::parse_copy_context;

TEST_CASE("the place in a COPY is read in the server's language") {
  CHECK(parse_copy_context("COPY t, line 3") == copy_place{3, ""});
  CHECK(parse_copy_context("COPY t, line 3, column user_id") == copy_place{3, "user_id"});
  CHECK(parse_copy_context("COPY t, Zeile 12, Spalte x") == copy_place{12, "x"});
  CHECK(parse_copy_context("COPY t, ligne 7, colonne x") == copy_place{7, "x"});
  CHECK(parse_copy_context("COPY t, строка 8, столбец x") == copy_place{8, "x"});
  CHECK(parse_copy_context("COPY t, 行 9, 列 x") == copy_place{9, "x"});
  CHECK(parse_copy_context("COPY t2026_11, line 40") == copy_place{40, ""});
}

TEST_CASE("where another language has another order, no place is guessed") {
  CHECK(parse_copy_context("テーブルtのCOPY、行番号 3、列 x") == copy_place{});
  CHECK(parse_copy_context("t 복사, 3번째 줄, x 열") == copy_place{});
}

TEST_CASE("only the last line of a context is COPY's own") {
  CHECK(parse_copy_context("PL/pgSQL function f() line 99 at RAISE\nCOPY t, line 3") == copy_place{3, ""});
  CHECK(parse_copy_context("COPY t, line 3\nPL/pgSQL function f() line 99 at RAISE") == copy_place{});
}

TEST_CASE("a context's values are not taken for names") {
  CHECK(parse_copy_context("COPY t, line 2, column b: \"secret\"") == copy_place{2, "b"});
  CHECK(parse_copy_context("COPY t, line 2: \"secret, line 5\"") == copy_place{2, ""});
}

TEST_CASE("what is no place gives none") {
  for (const char* text :
       {"", "COPY", "COPY t", "COPY t, line", "COPY t, line x", "COPY t, line 0", "COPY t, 3 line",
        "COPY t, line 99999999999999999999999", "INSERT t, line 3", "COPY t, line 3x"}) {
    INFO(text);
    CHECK(parse_copy_context(text) == copy_place{});
  }
}

namespace {

failure told(std::string_view libpq_text, bool password_missing = false) {
  pg::connect_options o;
  o.host = "db";
  o.port = "5432";
  o.user = "etl";
  o.database = "logins";
  return pg::connect_failure(o, libpq_text, password_missing);
}

}  // namespace

TEST_CASE("the SQLSTATE of a refused connection is found in libpq's text") {
  const std::string prefix = "connection to server at \"db\" (10.0.0.1), port 5432 failed: ";
  CHECK(told(prefix + "FATAL:  28P01\n").line() ==
        "password refused for user etl at db:5432; check PGUSER and PGPASSWORD");
  CHECK(told(prefix + "FATALE:  3D000\n").what == "database logins does not exist at db:5432");
  CHECK(classify(told(prefix + "FATAL:  57P03\n")) == verdict::reconnect);
  CHECK(classify(told(prefix + "FATAL:  53300\n")) == verdict::retry);
  CHECK(told(prefix + "FATAL:  99999\n").what ==
        "PostgreSQL at db:5432 refused the connection (SQLSTATE 99999)");
}

TEST_CASE("of several hosts the last one's refusal counts") {
  CHECK(told("connection to server at \"a\" failed: Connection refused\n"
             "connection to server at \"b\" failed: FATAL:  28P01\n")
            .code == sqlstate("28P01"));
}

TEST_CASE("failures that are not the server's are told apart") {
  CHECK(told("... failed: Connection refused\n\tIs the server running on that host?\n").what ==
        "database refused the connection at db:5432");
  CHECK(told("... failed: " + std::string(std::strerror(EHOSTUNREACH)) + "\n").what ==
        "database cannot be reached at db:5432");
  CHECK(told("... failed: server does not support SSL, but SSL was required\n").what ==
        "PostgreSQL at db:5432 has no TLS");
  CHECK(told("... failed: SSL error: certificate verify failed\n").code == errc::tls_refused);
  CHECK(told("root certificate file \"/root/.postgresql/root.crt\" does not exist").code ==
        errc::tls_refused);
  CHECK(told("... failed: SSL error: unsupported protocol\n").code == errc::tls_refused);
  CHECK(told("fe_sendauth: no password supplied\n", true).code == errc::missing_credentials);
}

TEST_CASE("TLS that the other side broke off is the link's fault: it may pass") {
  for (const char* text :
       {"SSL SYSCALL error: EOF detected", "SSL SYSCALL error: Connection reset by peer",
        "SSL error: unexpected eof while reading", "SSL connection has been closed unexpectedly"}) {
    INFO(text);
    CHECK(classify(told(std::string("... failed: ") + text + "\n")) == verdict::reconnect);
  }
}

TEST_CASE("a text that nobody knows is not shown") {
  const failure f = told("something with a secret in it");
  CHECK(f.line() == "connection to PostgreSQL at db:5432 failed; try the same settings with psql");
  CHECK(classify(f) == verdict::reconnect);
}
