#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/encoding.hpp"
#include "core/failure.hpp"
#include "pg/load_plan.hpp"
#include "support/fake_queue.hpp"

namespace tests {

/// What PostgreSQL says in place of taking a row.
struct row_refusal {
  std::string sqlstate;     ///< empty: a trigger has dropped the row, which is no error
  bool names_cause = true;  ///< a constraint, a column of the plan, or a trigger's RAISE
  bool needs_row = true;    ///< false: a COPY without rows meets it, too
};

/// A table with its ledger, in memory: each message id counts once. Shared by all connections. What it says
/// of rows is set here; what follows from that is decided by the code under test (see fake_transaction).
class fake_table {
 public:
  explicit fake_table(fake_queue& q) : source(q) {}

  fake_queue& source;               ///< told of each commit
  std::map<std::string, int> rows;  ///< by message id: how many rows
  std::map<std::string, std::string> set_aside;
  std::vector<std::size_t> batch_sizes;
  std::vector<bool> unknowns;  ///< `outcome_unknown` of each call
  std::size_t probes = 0;
  std::chrono::milliseconds commit_time{0};
  std::function<std::chrono::milliseconds()> delay;  ///< instead of commit_time
  bool with_ledger = true;
  sluice::pg::bad_messages bad = sluice::pg::bad_messages::quarantine;
  std::map<std::string, int> letters;  ///< bad_messages::dlq: what was sent, by message id
  /// Of an upsert: the key of a message, and for each key the newest that was taken.
  std::function<std::string(const std::string& id)> key_of;
  std::map<std::string, std::pair<std::int64_t, std::string>> newest;
  /// With a business key: the events that have their row, and the messages that came with one of these.
  bool by_event = false;
  std::set<sluice::uuid> events;
  std::set<std::string> repeats;
  std::vector<std::string> taken;  ///< ids in the order of their first commits

  enum class when { before_commit, after_commit };
  struct trouble {
    sluice::failure what;
    when at = when::before_commit;  ///< after: committed, but the reply is lost
  };
  std::function<std::optional<trouble>()> next_trouble;
  std::function<std::optional<sluice::failure>()> probe_trouble;
  std::optional<sluice::failure> takes_no_rows;  ///< of loads with a row, before the commit
  /// Whether a transaction with this message takes too long, or waits too long for a lock (55P03).
  std::function<bool(const std::string& id)> is_slow;
  std::function<bool(const std::string& id)> is_locked;
  bool in_order = false;  ///< as pg_sink has it

  std::function<std::optional<row_refusal>(const std::string& id)> refuses_row;
  std::function<std::optional<row_refusal>()> refuses_all;  ///< asked first
  bool names_line = true;        ///< of the row that it refuses, in the error's context
  bool sample_has_rival = true;  ///< a row that it has taken before is refused for its key

  /// Of a FIFO queue, whose ids grow in the order in which messages were sent: the first message, in words,
  /// that was taken after a later one of its group. Empty: none was.
  std::string out_of_order() const {
    std::map<std::string, std::string> last;
    for (const std::string& id : taken) {
      const std::string& group = source.items.at(source.by_id.at(id)).group;
      std::string& before = last[group];
      if (id <= before) return fmt::format("{} of group {} after {}", id, group, before);
      before = id;
    }
    return {};
  }

  bool is_known(const std::string& id) const {
    return with_ledger && (rows.contains(id) || set_aside.contains(id) || repeats.contains(id));
  }
};

}  // namespace tests
