#include "pg/errors.hpp"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "core/verdict.hpp"

using namespace sluice;
using pg::copy_place;
using pg::parse_copy_context;

namespace {

copy_place place(std::string_view context, std::string_view relation = "t") {
  return parse_copy_context(pg::copy_context(context), relation);
}

}  // namespace

TEST_CASE("the place in a COPY is read in the server's language") {
  CHECK(place("COPY t, line 3") == copy_place{3, ""});
  CHECK(place("COPY t, line 3, column user_id") == copy_place{3, "user_id"});
  CHECK(place("COPY t, Zeile 12, Spalte x") == copy_place{12, "x"});
  CHECK(place("COPY t, ligne 7, colonne x") == copy_place{7, "x"});
  CHECK(place("COPY t, строка 8, столбец x") == copy_place{8, "x"});
  CHECK(place("COPY t, 行 9, 列 x") == copy_place{9, "x"});
  CHECK(place("COPY t2026_11, line 40", "t2026_11") == copy_place{40, ""});
}

TEST_CASE("where another language has another order, no place is guessed") {
  CHECK(place("テーブルtのCOPY、行番号 3、列 x") == copy_place{});
  CHECK(place("t 복사, 3번째 줄, x 열") == copy_place{});
}

TEST_CASE("the line of a COPY is believed only if there is one, and it names the relation copied into") {
  CHECK(place("PL/pgSQL function f() line 99 at RAISE\nCOPY t, line 3") == copy_place{3, ""});
  CHECK(place("COPY t, line 3\nSQL statement \"SELECT 1\"") == copy_place{3, ""});
  CHECK(place("COPY log, line 7\nSQL statement \"COPY log\"\nCOPY t, line 3") == copy_place{});
  CHECK(place("COPY t, line 7\nCOPY t, line 3") == copy_place{});
  CHECK(place("COPY t_102008, line 3") == copy_place{});
  CHECK(place("COPY t_102008, line 3\nCOPY t, line 9") == copy_place{});
}

TEST_CASE("a relation's name may read like a place") {
  CHECK(place("COPY t, line 5, line 8", "t, line 5") == copy_place{8, ""});
  CHECK(place("COPY t, line 5, line 8, column x", "t, line 5") == copy_place{8, "x"});
}

TEST_CASE("a context's values are not taken for names") {
  CHECK(place("COPY t, line 2, column b: \"secret\"") == copy_place{2, "b"});
  CHECK(place("COPY t, line 2: \"secret, line 5\"") == copy_place{2, ""});
  CHECK(place("COPY t, line 2, column b: \"secret\nCOPY t, line 5\"") == copy_place{});
}

TEST_CASE("what is no place gives none") {
  for (const char* text :
       {"", "COPY", "COPY t", "COPY t, line", "COPY t, line x", "COPY t, line 0", "COPY t, 3 line",
        "COPY t, line 99999999999999999999999", "INSERT t, line 3", "COPY t, line 3x"}) {
    INFO(text);
    CHECK(place(text) == copy_place{});
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

namespace {

const std::string to_server = "connection to server at \"db\" (10.0.0.1), port 5432 failed: ";

}  // namespace

TEST_CASE("TLS that fails now and may hold next time is the link's fault") {
  for (const char* text :
       {"SSL SYSCALL error: EOF detected", "SSL SYSCALL error: Connection reset by peer",
        "SSL error: unexpected eof while reading", "SSL connection has been closed unexpectedly",
        "server sent an error response during SSL exchange",
        "could not fork new process for connection: Resource temporarily unavailable",
        "could not send SSL negotiation packet: Connection reset by peer",
        "could not send SSL negotiation packet: Broken pipe", "could not establish SSL connection: x",
        "received invalid response to SSL negotiation: H", "received unencrypted data after SSL response",
        "SSL error: tlsv1 alert internal error", "SSL error: sslv3 alert handshake failure",
        "SSL error: tlsv1 alert user cancelled", "SSL error: decryption failed or bad record mac",
        "could not initialize SSL connection: out of memory", "SSL error code 1", "no SSL error reported"}) {
    INFO(text);
    CHECK(classify(told(to_server + text + "\n")) == verdict::reconnect);
  }
}

TEST_CASE("TLS that will fail next time, too, is refused: certificates, no TLS, no common version") {
  for (const char* text :
       {"server does not support SSL, but SSL was required", "SSL error: certificate verify failed",
        "server certificate for \"a.example\" does not match host name \"db\"",
        "root certificate file \"/root/.postgresql/root.crt\" does not exist",
        "could not read root certificate file \"x\": no certificate or crl found",
        "could not read certificate file \"x\": No such file or directory",
        "certificate present, but not private key file \"x\"", "could not load private key file \"x\": y",
        "private key file \"x\" has group or world access", "SSL error: tlsv1 alert unknown ca",
        "SSL error: tlsv13 alert certificate required", "SSL error: sslv3 alert certificate expired",
        "SSL error: unsupported protocol", "SSL error: tlsv1 alert protocol version",
        "SSL error: wrong version number", "SSL error: no protocols available"}) {
    INFO(text);
    CHECK(told(to_server + text + "\n").code == errc::tls_refused);
  }
}

TEST_CASE("a host's name says nothing of TLS") {
  CHECK(classify(
            told("connection to server at \"certificates.example\" (10.0.0.1), port 5432 failed: SSL SYSCALL "
                 "error: EOF detected\n")) == verdict::reconnect);
}

TEST_CASE("of several addresses all must refuse TLS for good") {
  const std::string refused = to_server + "SSL error: certificate verify failed\n";
  const std::string cut = to_server + "SSL SYSCALL error: EOF detected\n";
  CHECK(told(refused + refused).code == errc::tls_refused);
  CHECK(classify(told(refused + cut)) == verdict::reconnect);
  CHECK(classify(told(cut + refused)) == verdict::reconnect);
}

TEST_CASE("a text that nobody knows is not shown") {
  const failure f = told("something with a secret in it");
  CHECK(f.line() == "connection to PostgreSQL at db:5432 failed; try the same settings with psql");
  CHECK(classify(f) == verdict::reconnect);
}
