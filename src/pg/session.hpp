#pragma once

#include <chrono>
#include <string>

namespace sluice::pg {

/// One statement, for the first query of a transaction that the guarantee rests on: sets for this transaction
/// alone what it needs, whatever server, database, role and the last client of a pooled connection have set.
/// Nothing of it is left for the next transaction, so behind a pooler other clients do not see it, and it
/// does not matter which of the pooler's connections a transaction gets.
///
/// - COMMIT waits for its record to be on disk: with `synchronous_commit = off` a crash takes back commits
///   whose messages are deleted already (PostgreSQL docs, "Asynchronous Commit"). Other levels stay.
/// - Text is taken as UTF-8, as we send it.
/// - The server notices within a minute that this host is gone. A COPY whose client has vanished waits for
///   its rows by the system's keepalive, which is two hours, and its keys in the ledger with it: whatever
///   process gets those messages next would wait for them.
/// - A wait for a lock ends, with 55P03, before we give up the connection: the server would not see that for
///   as long as it waits, and each further attempt would leave one session more (lock_timeout, if it is not
///   set; client_connection_check_interval, where the server can do it, for other statements).
/// - A statement that takes too long ends, with 57014, before we give up the connection: a transaction that
///   goes on without us keeps its keys in the ledger, and smaller ones with the same messages would wait for
///   it (statement_timeout, if it is not set).
///
/// `statement_timeout` is how long we wait for an answer (connect_options).
std::string local_settings(std::chrono::milliseconds statement_timeout);

}  // namespace sluice::pg
