#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"

namespace tests {

/// A database of its own for one test, on a PostgreSQL server that this program starts when the first is
/// made.
///
/// The server lives in a temporary directory, without fsync, on a free loopback port and a Unix socket, with
/// passwords asked. It goes away with the program, however that ends. Statements here are libpq's own
/// blocking calls as superuser: not the code under test. They throw what the server said.
class pg_database {
 public:
  using row = std::vector<std::optional<std::string>>;

  pg_database();
  pg_database(const pg_database&) = delete;
  pg_database& operator=(const pg_database&) = delete;
  ~pg_database();

  /// How the code under test reaches this database: over TCP, as superuser. By way of a PgBouncer where
  /// SLUICE_TEST_POOLER is its mode: transaction, session or statement.
  sluice::pg::connect_options options() const;
  const std::string& socket_directory() const;
  /// All but its own, so that what is set for the database applies to a pooler's connections, too.
  void end_sessions();
  /// Queries so far, each of one or several statements, of all sessions with log_statement = all.
  std::size_t statements_logged() const;

  std::vector<row> sql(const std::string& statements);
  /// The first column of the first row.
  std::string value(const std::string& query);
  std::int64_t number(const std::string& query) { return std::stoll(value(query)); }
  /// The stream of COPY ... TO STDOUT, as it comes.
  std::string copy_out(const std::string& copy_statement);
  /// COPY ... FROM STDIN of this whole stream.
  void copy_in(const std::string& copy_statement, std::string_view stream);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tests
