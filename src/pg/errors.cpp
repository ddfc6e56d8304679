#include "pg/errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

namespace sluice::pg {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::string endpoint(const connect_options& o) {
  return o.host.starts_with('/') ? fmt::format("{}/.s.PGSQL.{}", o.host, o.port)
                                 : fmt::format("{}:{}", o.host.empty() ? "the local socket" : o.host, o.port);
}

/// "...FATAL:  28P01\n": the last word, if a colon and two blanks stand before it.
std::string_view refusal_sqlstate(std::string_view text) noexcept {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const auto at = text.rfind(":  ");
  if (at == text.npos || text.size() - at != 8) return {};
  const std::string_view code = text.substr(at + 3);
  const bool valid = std::ranges::all_of(code, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
  return valid ? code : std::string_view{};
}

failure refused(const connect_options& o, std::string_view code) {
  const std::string at = endpoint(o);
  const error_code e = sqlstate(code);
  if (o.password_for && (code == "28P01" || code == "28000")) {
    return {
        e, fmt::format("the IAM token of user {} was refused at {}", o.user, at),
        "grant it rds_iam, allow this identity rds-db:connect for it, and give the instance's own name and "
        "region"};
  }
  if (code == "28P01") {
    return {e, fmt::format("password refused for user {} at {}", o.user, at), "check PGUSER and PGPASSWORD"};
  }
  if (code == "28000") {
    return {e, fmt::format("PostgreSQL at {} does not let user {} into database {}", at, o.user, o.database),
            "check that the role exists and may log in, and pg_hba.conf (which may ask for TLS: "
            "PGSSLMODE=require)"};
  }
  if (code == "3D000") {
    return {e, fmt::format("database {} does not exist at {}", o.database, at),
            "create it, or set PGDATABASE"};
  }
  if (code == "42501") {
    return {e, fmt::format("user {} may not connect to database {} at {}", o.user, o.database, at),
            "grant it CONNECT"};
  }
  if (code == "53300") {
    return {e, fmt::format("PostgreSQL at {} has no connection left", at),
            "raise max_connections, or let fewer clients connect"};
  }
  if (code == "57P03") return {e, fmt::format("PostgreSQL at {} is starting up or shutting down", at)};
  return {e, fmt::format("PostgreSQL at {} refused the connection (SQLSTATE {})", at, code)};
}

/// What one attempt says of TLS that will be so next time, too.
std::optional<failure> lasting_tls(std::string_view attempt, const std::string& at) {
  // Before it stands the host, which may be called anything.
  constexpr std::string_view reason_follows = " failed: ";
  if (const auto end = attempt.find(reason_follows); end != attempt.npos)
    attempt.remove_prefix(end + reason_follows.size());
  const auto mentions = [&](std::string_view word) { return attempt.find(word) != attempt.npos; };
  const auto any = [&](auto... words) { return (mentions(words) || ...); };
  if (mentions("does not support SSL")) {
    return failure{errc::tls_refused, fmt::format("PostgreSQL at {} has no TLS", at),
                   "switch it on there, or set PGSSLMODE=disable if the network is yours"};
  }
  // Read from files, or told by OpenSSL: "certificate verify failed", "tlsv13 alert certificate required".
  if (any("certificate", "private key", "unknown ca")) {
    return failure{
        errc::tls_refused, fmt::format("the certificate of PostgreSQL at {} could not be verified", at),
        "check PGSSLROOTCERT and PGSSLMODE, and that PGHOST is the name in the certificate; if the "
        "server wants one of ours, PGSSLCERT and PGSSLKEY"};
  }
  if (any("unsupported protocol", "protocol version", "no protocols available", "wrong version number")) {
    return failure{errc::tls_refused,
                   fmt::format("PostgreSQL at {} and this host have no version of TLS in common", at),
                   "check ssl_min_protocol_version there, PGSSLMINPROTOCOLVERSION and "
                   "PGSSLMAXPROTOCOLVERSION here"};
  }
  return std::nullopt;
}

/// Only what lasts is TLS that is refused, and only if each of the addresses that were tried says so. A
/// handshake that was cut, or a server that cannot fork and so answers neither yes nor no, may pass (libpq,
/// fe-connect.c and fe-secure-openssl.c).
std::optional<failure> tls_refusal(std::string_view libpq_text, const std::string& at) {
  constexpr std::string_view attempt_begins = "connection to server ";
  std::optional<failure> first;
  while (!libpq_text.empty()) {
    const auto next = libpq_text.find(attempt_begins, 1);
    auto lasting = lasting_tls(libpq_text.substr(0, next), at);
    if (!lasting) return std::nullopt;
    if (!first) first = std::move(lasting);
    libpq_text.remove_prefix(std::min(next, libpq_text.size()));
  }
  return first;
}

struct condition {
  std::string_view code, name, fix;
};
/// The conditions that an operator meets, by their names in PostgreSQL docs, appendix A.
constexpr auto conditions = std::to_array<condition>({
    {"0A000", "feature not supported", {}},
    {"22001", "string data right truncation", {}},
    {"22003", "numeric value out of range", {}},
    {"22P03", "invalid binary representation", "run sluice check: a column's type is not the plan's"},
    {"23502", "not null violation", {}},
    {"23503", "foreign key violation", {}},
    {"23505", "unique violation", {}},
    {"23514", "check violation", {}},
    {"25006", "read only transaction", "connect to the primary: the server is a standby"},
    {"3F000", "invalid schema name", "run sluice init-db"},
    {"40001", "serialization failure", {}},
    {"40P01", "deadlock detected", {}},
    {"42501", "insufficient privilege", "run sluice check: it lists the missing grants"},
    {"42703", "undefined column", "run sluice check"},
    {"42883", "undefined function", "run sluice init-db"},
    {"42P01", "undefined table", "run sluice init-db"},
    {"53100", "disk full", "make room on the database's disk"},
    {"55P03", "lock not available", {}},
    {"57014", "query canceled", {}},
    {"57P01", "admin shutdown", {}},
});

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

}  // namespace

std::string connect_options::where() const {
  return fmt::format("{}/{} as {}", endpoint(*this), database, user);
}

std::string_view copy_context(std::string_view context) noexcept {
  constexpr std::string_view keyword = "COPY ";
  std::string_view only;
  while (!context.empty()) {
    const std::string_view line = context.substr(0, context.find('\n'));
    context.remove_prefix(std::min(context.size(), line.size() + 1));
    if (!line.starts_with(keyword)) continue;
    if (!only.empty()) return {};
    only = line.substr(keyword.size());
  }
  return only;
}

copy_place parse_copy_context(std::string_view line, std::string_view relation) {
  std::string_view rest = line;
  if (!rest.starts_with(relation)) return {};
  rest.remove_prefix(relation.size());
  if (!rest.starts_with(", ")) return {};
  rest.remove_prefix(2);
  const auto blank = rest.find(' ');
  if (blank == rest.npos || std::ranges::any_of(rest.substr(0, blank), is_digit)) return {};
  rest.remove_prefix(blank + 1);
  std::uint64_t number = 0;
  const auto [end, e] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (e != std::errc{} || number == 0) return {};
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));

  copy_place place{number, {}};
  if (rest.empty()) return place;
  // ", column <name>"; a text-format COPY would add ": <value>", which is not for us.
  const auto name = rest.starts_with(", ") ? rest.find(' ', 2) : rest.npos;
  if (name == rest.npos) return rest.starts_with(':') ? place : copy_place{};
  place.column = rest.substr(name + 1, rest.find(':', name) - name - 1);
  return place;
}

failure connect_failure(const connect_options& o, std::string_view libpq_text, bool password_missing) {
  const std::string at = endpoint(o);
  if (password_missing) {
    return {errc::missing_credentials,
            fmt::format("PostgreSQL at {} asks user {} for a password", at, o.user), "set PGPASSWORD"};
  }
  if (const auto code = refusal_sqlstate(libpq_text); !code.empty()) return refused(o, code);

  if (auto lasting = tls_refusal(libpq_text, at)) return *std::move(lasting);

  // libpq words these with strerror, in whatever language the process has.
  const auto says = [&](int number) {
    return libpq_text.find(std::generic_category().message(number)) != libpq_text.npos;
  };
  const auto errno_code = [](int number) { return error_code(number, boost::system::system_category()); };
  if (says(ECONNREFUSED) || says(ENOENT)) {
    return {errno_code(ECONNREFUSED), fmt::format("database refused the connection at {}", at),
            o.host.empty() ? "is PostgreSQL running here? if it is elsewhere, set PGHOST"
                           : "is PostgreSQL running there? see PGHOST and PGPORT"};
  }
  if (says(ETIMEDOUT) || says(EHOSTUNREACH) || says(ENETUNREACH)) {
    return {errno_code(EHOSTUNREACH), fmt::format("database cannot be reached at {}", at),
            "check the address, routes and security groups"};
  }
  return {errc::connection_closed, fmt::format("connection to PostgreSQL at {} failed", at),
          "try the same settings with psql"};
}

failure lost(const connect_options& o) {
  return {errc::connection_closed, fmt::format("connection to PostgreSQL at {} was lost", o.where())};
}

server_error read_error(const PGresult* result, const connect_options& o) {
  const std::string code = field(result, PG_DIAG_SQLSTATE);
  if (code.empty()) return {.why = lost(o)};  // made by libpq, not by the server

  const auto known = std::ranges::find(conditions, std::string_view(code), &condition::code);
  const bool found = known != conditions.end();
  server_error e{.why = {sqlstate(code),
                         fmt::format("PostgreSQL at {} answered SQLSTATE {}{}", o.where(), code,
                                     found ? fmt::format(" ({})", known->name) : ""),
                         found ? std::string(known->fix) : ""}};
  e.copy_context = copy_context(field(result, PG_DIAG_CONTEXT));
  e.column = field(result, PG_DIAG_COLUMN_NAME);
  e.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  e.table = field(result, PG_DIAG_TABLE_NAME);
  // The C function that raised it: of the server's fields the only one that tells a RAISE (pl_exec.c) or a
  // policy (execMain.c) from a missing privilege or table with the same SQLSTATE.
  const std::string function = field(result, PG_DIAG_SOURCE_FUNCTION);
  e.raised = function == "exec_stmt_raise" || function == "ExecWithCheckOptions";
  return e;
}

}  // namespace sluice::pg
