#include "pg/session.hpp"

#include <fmt/format.h>

#include <string_view>

namespace sluice::pg {
namespace {

/// Sets it where it has that value now. PostgreSQL 13 has no client_connection_check_interval: null, and
/// nothing is set.
std::string in_place_of(std::string_view name, std::string_view old, std::string_view value,
                        std::string_view condition = {}) {
  return fmt::format(
      "CASE WHEN pg_catalog.current_setting('{0}', true) = '{1}'{3} THEN pg_catalog.set_config('{0}', '{2}', "
      "true) END",
      name, old, value, condition);
}

}  // namespace

// Conditions, and not SET LOCAL: what the role has chosen stays, and the choice is this transaction's.
std::string local_settings(std::chrono::milliseconds statement_timeout) {
  const std::string lock_ms = std::to_string(statement_timeout.count() * 3 / 4);
  const std::string statement_ms = std::to_string(statement_timeout.count() * 7 / 8);
  return fmt::format(
      "SELECT {}, {}, {}, {}, pg_catalog.set_config('client_encoding', 'UTF8', true), "
      "pg_catalog.set_config('tcp_keepalives_idle', '30', true), "
      "pg_catalog.set_config('tcp_keepalives_interval', '10', true), "
      "pg_catalog.set_config('tcp_keepalives_count', '3', true)",
      in_place_of("synchronous_commit", "off", "on"), in_place_of("lock_timeout", "0", lock_ms),
      in_place_of("statement_timeout", "0", statement_ms),
      // Elsewhere the server may refuse any value.
      in_place_of("client_connection_check_interval", "0", "10000",
                  " AND pg_catalog.version() LIKE '%linux%'"));
}

}  // namespace sluice::pg
