#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string_view>

#include "pg/connection.hpp"
#include "pg/resolve.hpp"

namespace sluice::pg {

struct clear_result {
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using result_ptr = std::unique_ptr<PGresult, clear_result>;

/// Fills empty fields with what libpq would take: environment, service file, compiled defaults.
connect_options with_defaults(connect_options o);

/// Whether the user has set a libpq keyword, or its environment variable.
bool is_given(const connect_options& o, std::string_view keyword, const char* variable);

/// PQconnectStartParams; null when out of memory.
PGconn* start_connecting(const connect_options& o, const addresses& at);

/// The answers to one query, put together.
struct answer {
  rows got;
  std::optional<server_error> refused;
  std::size_t statements = 0;  ///< that have succeeded
};

/// Takes in what a result says; of several errors the first counts. False for what no query of ours can
/// bring.
bool take(const PGresult* r, answer& into, const connect_options& o);

}  // namespace sluice::pg
