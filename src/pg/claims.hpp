#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "copy/segment.hpp"
#include "pg/connection.hpp"
#include "pg/keys.hpp"
#include "pg/load_plan.hpp"

namespace sluice::pg {

/// Neighbours in a segment: what one transaction loads.
struct segment_part {
  std::size_t first = 0;
  std::size_t last = SIZE_MAX;  ///< behind the last; the segment's end, if that comes before
};

/// Which messages of a part of a segment one transaction is to commit: those that no ledger has. Asks nothing
/// itself; the loader does.
///
/// A message is claimed by its id, whatever becomes of it, and where the plan has a business key its row is
/// claimed by that, too. What is set aside has no business key, so that its event may be sent again,
/// corrected.
class claims {
 public:
  claims(const copy::segment& s, const load_plan& plan, segment_part part = {})
      : segment_(s), plan_(plan), part_(part) {}

  /// Chooses all but those that stay in the queue.
  void begin();
  /// The ledgers, in the order in which they are asked.
  std::vector<ledger> ledgers() const;
  /// The keys for that ledger of what was chosen so far; of messages with one key the first stays chosen.
  /// Lives until the next call.
  const ledger_keys& choose(ledger in);
  /// The rows that the claim (ledger_keys::claim_sql) gave: what it did not take is no longer chosen.
  result<> answered(const rows& given);

  bool has(std::size_t i) const { return chosen_[i]; }
  bool is_refused(std::size_t i) const { return segment_.slots()[i].refusal_index >= 0; }
  /// Bad, and stays in the queue.
  bool is_left(std::size_t i) const {
    return is_refused(i) && (plan_.bad == bad_messages::leave || segment_.is_left(segment_.slots()[i]));
  }
  bool is_row(std::size_t i) const { return chosen_[i] && !is_refused(i); }
  bool is_set_aside(std::size_t i) const { return chosen_[i] && is_refused(i); }
  std::vector<std::size_t> rows() const;
  /// Whether a ledger has keys that were claimed for messages which have been refused since, and must not be
  /// there.
  bool hold_too_much() const noexcept { return plan_.bad == bad_messages::leave || plan_.by_event; }
  /// Chooses for each event whose message was refused since it was claimed the next that has it.
  std::vector<std::size_t> choose_next();
  /// Whether that message's event would have a next.
  bool has_next(std::size_t i) const;

 private:
  bool may_be_next(std::size_t i) const { return with_event_[i] && !chosen_[i] && !is_refused(i); }

  const copy::segment& segment_;
  const load_plan& plan_;
  segment_part part_;
  ledger asked_ = ledger::none;
  ledger_keys keys_{segment_, ledger::none, {}};
  std::vector<bool> chosen_;
  std::size_t refused_ = 0;       ///< when it began
  std::vector<bool> with_event_;  ///< chosen when events were asked for
  std::set<uuid> events_;         ///< that are this transaction's
};

}  // namespace sluice::pg
