#pragma once

#include "pg/connection.hpp"

namespace sluice::pg {

/// Sets for this session what the guarantee rests on, whatever server, database and role say. After each
/// `connect` of a connection that loads; two round trips.
///
/// - COMMIT waits for its record to be on disk: with `synchronous_commit = off` a crash takes back commits
///   whose messages are deleted already (PostgreSQL docs, "Asynchronous Commit"). Other levels stay.
/// - The server notices within a minute that this host is gone. A COPY whose client has vanished waits for
///   its rows by the system's keepalive, which is two hours, and its keys in the ledger with it: whoever gets
///   those messages next would wait for them.
/// - A wait for a lock ends, with 55P03, before we give up the connection: the server would not see that for
///   as long as it waits, and each further attempt would leave one session more (lock_timeout, if it is not
///   set; client_connection_check_interval, where there is one, for other statements).
boost::asio::awaitable<result<>> prepare_session(connection& c);

}  // namespace sluice::pg
