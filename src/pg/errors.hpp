#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "pg/connection.hpp"

namespace sluice::pg {

/// Where in a COPY the server stopped.
struct copy_place {
  std::optional<std::uint64_t> line;  ///< 1-based; in binary format the number of the tuple
  std::string column;

  bool operator==(const copy_place&) const = default;
};

/// The line of an error's CONTEXT that begins with COPY, without that word: `<table>, line <n>[, column
/// <name>]` in the server's language (copyfrom.c, CopyFromErrorCallback). Empty unless there is exactly one:
/// a trigger, a foreign table or an extension may copy, too.
std::string_view copy_context(std::string_view context) noexcept;

/// Where in the COPY into `relation` (its name alone) the server stopped. Gives nothing where the line is of
/// another relation, as Citus names its shard, or a language has another order.
copy_place parse_copy_context(std::string_view line, std::string_view relation);

/// Why PQconnectPoll failed. `libpq_text` is PQerrorMessage under PQERRORS_SQLSTATE: libpq has no accessor
/// for the SQLSTATE of a refused connection, but this verbosity makes it all that is said of the server's
/// answer.
failure connect_failure(const connect_options& o, std::string_view libpq_text, bool password_missing);

/// What an error result says, without any of the server's text.
server_error read_error(const PGresult* result, const connect_options& o);

failure lost(const connect_options& o);

}  // namespace sluice::pg
