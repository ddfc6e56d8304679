#include "pg/claims.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::pg {

void claims::begin() {
  refused_ = segment_.refused();
  chosen_.assign(segment_.size(), false);
  for (std::size_t i = part_.first; i < std::min(part_.last, segment_.size()); ++i) chosen_[i] = !is_left(i);
  with_event_.clear();
  events_.clear();
}

// Each transaction takes its keys in the same order, so that no two wait for each other. A replay is the
// exception: only an entry whose event is claimed leaves the quarantine, and nothing else does both.
std::vector<ledger> claims::ledgers() const {
  if (plan_.claims_in == ledger::none) return {};
  if (!plan_.by_event) return {plan_.claims_in};
  if (plan_.claims_in == ledger::quarantine) return {ledger::events, ledger::quarantine};
  return {plan_.claims_in, ledger::events};
}

const ledger_keys& claims::choose(ledger in) {
  asked_ = in;
  if (in == ledger::events) with_event_ = chosen_;
  std::vector<std::uint32_t> messages;
  messages.reserve(segment_.size());
  for (std::uint32_t i = 0; i < segment_.size(); ++i) {
    if (chosen_[i] && (in != ledger::events || !is_refused(i))) messages.push_back(i);
  }
  for (const std::uint32_t i : messages) chosen_[i] = false;
  keys_ = ledger_keys(segment_, in, messages);
  for (const std::uint32_t i : keys_.messages()) chosen_[i] = true;
  return keys_;
}

result<> claims::answered(const pg::rows& given) {
  for (const std::uint32_t i : keys_.messages()) chosen_[i] = false;
  for (const auto& row : given.values) {
    const std::int64_t i = keys_.find(row.at(0).value_or(""), row.at(1).value_or(""));
    if (i < 0) return failure(errc::bad_answer, "the ledger gave a key that was not claimed");
    chosen_[static_cast<std::size_t>(i)] = true;
    if (asked_ == ledger::events) events_.insert(segment_.slots()[static_cast<std::size_t>(i)].event_id);
  }
  const bool all = given.values.size() == keys_.messages().size();
  if (asked_ == ledger::quarantine && plan_.by_event && !all) {
    return failure(errc::cancelled, "somebody else has replayed or dropped entries meanwhile",
                   "replay again");
  }
  return {};
}

std::vector<std::size_t> claims::rows() const {
  std::vector<std::size_t> messages;
  messages.reserve(segment_.size());
  for (std::size_t i = 0; i < segment_.size(); ++i) {
    if (is_row(i)) messages.push_back(i);
  }
  return messages;
}

std::vector<std::size_t> claims::choose_next() {
  std::vector<std::size_t> next;
  if (!plan_.by_event || segment_.refused() == refused_) return next;
  std::set<uuid> without = events_;
  for (const std::size_t i : rows()) without.erase(segment_.slots()[i].event_id);
  for (std::size_t i = 0; i < segment_.size() && !without.empty(); ++i) {
    if (!may_be_next(i) || without.erase(segment_.slots()[i].event_id) == 0) continue;
    chosen_[i] = true;
    next.push_back(i);
  }
  return next;
}

bool claims::has_next(std::size_t i) const {
  if (!plan_.by_event) return false;
  for (std::size_t other = 0; other < segment_.size(); ++other) {
    if (may_be_next(other) && segment_.slots()[other].event_id == segment_.slots()[i].event_id) return true;
  }
  return false;
}

}  // namespace sluice::pg
