#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "copy/segment.hpp"
#include "pg/claims.hpp"
#include "pg/isolation.hpp"
#include "pg/load_history.hpp"

namespace sluice::pg {

/// Another row has the key, or what an exclusion constraint guards: that row may be refused itself yet.
bool has_rival(std::string_view sqlstate) noexcept;

/// What the table said of the rows that were tried.
struct row_answer {
  enum class kind {
    taken,
    dropped,  ///< by a trigger: fewer rows are there than were sent
    refused,
  };
  kind what = kind::taken;
  copy::refusal why{};
  /// It names a constraint or a column of the plan, or a trigger has raised it: it is said of the row.
  bool names_cause = false;
  /// Its SQLSTATE speaks of tables and rights: perhaps no row is needed to meet it.
  bool of_statement = false;
  /// Which of the messages tried the server named, from 0.
  std::optional<std::size_t> culprit{};
};

/// What the loader does next.
struct search_step {
  enum class kind {
    keep,         ///< try these messages; they stay if the table takes them
    look,         ///< try these messages, and take them back whatever the answer is
    look_sample,  ///< the same with the row that the history has kept
    restart,      ///< roll back, and claim again: keys were claimed for messages that are refused now
    hold,         ///< roll back: it is the table's trouble or the server's, and no message is set aside
    finish,       ///< each message is taken or refused
  };
  kind what = kind::finish;
  std::span<const std::size_t> messages{};  ///< by their place in the segment; lives until the next answer
};

/// Finds out which messages of a transaction the table refuses, and whether that is their fault.
///
/// One rule for every SQLSTATE. Messages are tried in parts until each is taken or refused alone. A refusal
/// that names its cause is the message's. One that names none (a sequence at its end, an internal error, a
/// table that a trigger misses) is the message's only if the table takes another message after it: a message
/// that it had taken is tried once more, from this transaction or from the history. If that meets the same,
/// or there is none, it is the table's or the server's: hold. So is whatever is refused more than
/// `load_history::refusals_max` times in a row with one SQLSTATE.
///
/// Beyond the halving three things are tried again. A foreign key's orphan, as long as rounds become smaller:
/// its parent may come in a later part. The loser of a unique key, when a message was refused from which it
/// may have lost it. The next message of an event whose first was refused.
///
/// Pure. It marks messages as refused in the segment; the caller tries, and after `hold` takes the marks back
/// (segment::forgive). Segment, claims and history outlive it. `history` may be null.
class refusal_search {
 public:
  refusal_search(copy::segment& s, claims& c, const load_history* history)
      : segment_(s), claims_(c), history_(history) {}

  /// A transaction has begun and claimed its keys.
  void begin();
  /// Not changed until `answered`.
  search_step next();
  /// What came of `keep`, `look` or `look_sample`.
  void answered(row_answer a);

  /// Whether `hold` is the stop-line's; then `state` and `in_a_row` say what was refused, and how often.
  bool over_stop_line() const noexcept { return over_stop_line_; }
  const std::string& state() const noexcept { return state_; }
  /// Whether `hold` is for a few messages, with none to compare them with.
  bool is_unsure() const noexcept { return unsure_; }
  std::size_t in_a_row() const noexcept { return in_a_row_; }

 private:
  using refusals = std::vector<std::pair<std::size_t, copy::refusal>>;
  enum class proof { none, empty, one, sample };

  void taken(std::span<const std::size_t> run);
  void refused(std::size_t message, row_answer a);
  void proven(const row_answer& a);
  bool ask_for_proof();
  bool start_pass();
  bool start_next_round();
  bool start_next_events();
  void start(std::vector<std::size_t> messages);
  void refuse_all(refusals& list);
  void mark(std::size_t message, copy::refusal why);
  bool refuses_too_many() const;

  copy::segment& segment_;
  claims& claims_;
  const load_history* history_;

  // One pass: each of these messages once.
  std::vector<std::size_t> messages_;
  isolation parts_{0};
  refusals found_;

  // Passes over one set of messages, until foreign keys' orphans do not become fewer.
  std::set<std::size_t> orphans_;
  std::size_t pass_size_ = 0;
  int rival_rounds_ = 0;

  // Sets of messages, until no event has a next one.
  refusals waiting_;  ///< orphans whose parent may be the next message of an event
  bool may_wait_ = true;
  bool gives_keys_up_ = false;
  std::size_t refused_before_ = 0;  ///< of the segment, when the transaction began

  // Whose fault it is.
  std::string state_;         ///< of the last refusals in a row
  std::size_t in_a_row_ = 0;  ///< in this pass
  std::string marked_;        ///< the SQLSTATE of the last messages marked, in all passes
  std::size_t marked_in_a_row_ = 0;
  std::size_t unproven_ = 0;         ///< refusals that name no cause, since a row was taken
  std::set<std::string> suspects_;   ///< their SQLSTATEs
  std::size_t prove_at_ = 0;         ///< ask for a proof before there are more
  std::optional<std::size_t> good_;  ///< a message that was taken
  proof asked_ = proof::none;
  bool asked_empty_ = false;
  bool any_taken_ = false;
  bool routed_anew_ = false;  ///< after partitions had changed: once in a load
  bool hold_ = false;
  bool over_stop_line_ = false;
  bool unsure_ = false;
  std::size_t tried_ = 0;  ///< messages in the largest pass
  std::size_t passes_ = 0;
};

}  // namespace sluice::pg
