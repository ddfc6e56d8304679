#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "observe/counters.hpp"
#include "pg/quarantine.hpp"

namespace sluice::app {

// One function a subcommand; each gives the exit code and prints what it has to say.

/// `run` (until SIGTERM or SIGINT) and, with `until_empty`, `drain`. Counts what happens in `counters`.
int run(const config& c, bool until_empty, observe::counters& counters);

int check(const config& c);
/// `check --sample`: what the plan makes of the bodies in a file, one a line, as a table. Touches neither
/// queue nor database.
int check_samples(const config& c, const std::string& file);

int init_db(const config& c, bool print_only);
/// `init-db --infer`: prints a plan for the bodies in a file, one a line, and the table that it needs.
int infer_plan(const std::string& file);

struct send_options {
  std::string file;                   ///< one message a line; "-" is standard input
  bool create = false;                ///< make the queue if it does not exist
  std::string group = "sluice-send";  ///< of every message, where the queue is FIFO
  std::string group_by;               ///< or the JSON pointer of the text that is its group
  std::uint64_t count = 0;            ///< send that many, starting over at the file's end; 0: each line once
};
/// How many the queue has taken is in `sent`, also after a failure.
int send(const config& c, const send_options& o, std::uint64_t& sent);

/// Measures the user's own queue and database: sends, drains into a table like the target and of its own,
/// checks the rows, and drops the table. The queue must be empty. The keys stay in the ledger.
int bench(const config& c, const send_options& o);

struct mask_options {
  std::optional<std::string> value;  ///< none: each line of standard input
  std::string scheme = "aes_siv";
  std::string domain = "ip";
  std::string key;  ///< its id; empty: the primary
};
int mask_values(const config& c, const mask_options& o);

struct unmask_options {
  std::optional<std::string> token;  ///< none: each line of standard input
  std::string reason;
  std::string column;  ///< of the plan, whose rule applies; empty: the three below are the rule
  std::string scheme = "aes_siv";
  std::string domain = "ip";
  std::string key;                 ///< of ipcrypt, whose addresses do not name it: its id; empty: the rule's
  std::vector<std::string> where;  ///< COLUMN=VALUE, all of them: open `column` in these rows of the table
};
/// Writes to the audit log what it opens, then prints it.
int unmask_values(const config& c, const unmask_options& o);

struct rekey_options {
  std::string table;  ///< as in SQL: "logins" or "schema.logins"
  std::string column;
  std::string domain;  ///< empty: the plan's
  bool dry_run = false;
};
/// Moves a column's tokens to the primary key, in batches, until there are no others. Can be stopped at any
/// time and started again, and runs beside a sluice that writes the table.
int rekey(const config& c, const rekey_options& o);

struct quarantine_options {
  pg::quarantine_filter filter;
  std::size_t count_max = 100;  ///< entries to list or to show
  bool json = false;            ///< list: an object on each line
  std::string reason;           ///< show, replay, drop: what for
  bool unmasked = false;        ///< replay: also what was masked, and by this plan is not
  bool all = false;             ///< drop: no filter is meant
  bool yes = false;             ///< drop
};
int list_quarantine(const config& c, const quarantine_options& o);
int show_quarantine(const config& c, const quarantine_options& o);
int replay_quarantine(const config& c, const quarantine_options& o);
int drop_quarantine(const config& c, const quarantine_options& o);

/// From the dead-letter queue back to where its messages came from.
int redrive(const config& c);

/// Prints it, or makes the file, which is its owner's alone.
int keygen(const std::string& id, const std::string& file);

struct key_options {
  enum class action { list, add, primary, remove } what = action::list;
  std::string id;
  bool yes = false;  ///< remove
};
/// Changes the ring of SLUICE_KEYS_FILE, or prints what SLUICE_KEYS becomes.
int manage_keys(const config& c, const key_options& o);

}  // namespace sluice::app
