#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/failure.hpp"
#include "core/secret.hpp"

namespace sluice::pg {

/// libpq's own keywords and environment (PGHOST, PGSSLMODE, ...) apply where a field here is empty.
struct connect_options {
  std::string host, port, user, database;
  secret password;
  /// Where passwords are made for one connection each, it is asked for one before every connect, in place of
  /// `password`. On the connection's loop; each of its waits has an end, and `close` ends them by the slot.
  std::function<boost::asio::awaitable<result<secret>>(boost::asio::any_io_executor, const connect_options&,
                                                       boost::asio::cancellation_slot)>
      password_for;
  std::string application_name = "sluice";
  std::chrono::milliseconds connect_timeout{5'000};
  /// Longest wait for any one answer of the server.
  std::chrono::milliseconds statement_timeout{60'000};
  std::vector<std::pair<std::string, std::string>> extra;  ///< any other libpq keyword

  std::string where() const;  ///< "db.example:5432/logins as etl", for messages
};

/// What the server said when it refused: codes and names only, never values (its DETAIL and CONTEXT may hold
/// a user's data).
struct server_error {
  failure why{};
  std::string column{};  ///< PG_DIAG_COLUMN_NAME
  std::string constraint{};
  std::string table{};  ///< the table that refused; of a partitioned one, the partition
  /// A trigger's RAISE, or a policy of row security: said of the row, whatever the SQLSTATE.
  bool raised = false;
  /// The only line of CONTEXT that begins with COPY, for parse_copy_context. Never shown.
  std::string copy_context{};
  std::size_t statement = 0;  ///< which statement of the query it was, from 0: as many had succeeded before
};

[[noreturn]] void throw_exception_from_error(const server_error& e, const boost::source_location& where);

/// Rows as text (or binary where it was asked); null is nullopt.
struct rows {
  std::vector<std::vector<std::optional<std::string>>> values;
  std::uint64_t affected = 0;         ///< by the last statement that counts rows (PQcmdTuples)
  std::vector<std::uint64_t> counts;  ///< by each statement; 0 where it counts none
  /// Of the last statement: "COMMIT", or "ROLLBACK" where a COMMIT found a failed transaction.
  std::string tag;
};

using query_result = boost::system::result<rows, server_error>;

/// Bytes for one COPY ... FROM STDIN: sent in order, without a copy of ours.
using copy_source = std::vector<std::span<const std::byte>>;

/// One asynchronous libpq connection on an Asio loop.
///
/// Belongs to one coroutine at a time, and must outlive its calls. `close`, called from another coroutine of
/// the same loop, ends a call in flight with `errc::cancelled`. A deadline, a lost link or any failure in
/// mid-protocol closes it too: it is never repaired; `connected` tells, `connect` starts anew. What a call
/// takes by view must live until it has been awaited.
class connection {
 public:
  connection(boost::asio::any_io_executor executor, connect_options o);
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;
  ~connection();

  boost::asio::awaitable<result<>> connect();
  bool connected() const noexcept;
  void close() noexcept;

  /// One simple query, of one or several statements. Each COPY ... FROM STDIN in it is answered with the next
  /// of `sources`. Gives the rows of the last statement that returned some, or the first error (after which a
  /// transaction that was begun is still open and failed: `rollback`).
  boost::asio::awaitable<query_result> query(std::string_view sql, std::span<const copy_source> sources = {});
  /// One statement with parameters, as text.
  boost::asio::awaitable<query_result> execute(std::string_view sql,
                                               std::vector<std::optional<std::string>> parameters);
  /// ROLLBACK if a transaction is open; closes when even that fails.
  boost::asio::awaitable<void> rollback();

  const connect_options& options() const noexcept;
  int server_version() const noexcept;  ///< as PQserverVersion

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

}  // namespace sluice::pg
