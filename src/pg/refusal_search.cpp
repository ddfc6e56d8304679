#include "pg/refusal_search.hpp"

#include <algorithm>
#include <boost/assert.hpp>
#include <iterator>
#include <utility>

namespace sluice::pg {
namespace {

constexpr std::string_view foreign_key_violation = "23503";
constexpr std::string_view check_violation = "23514";
constexpr int rival_rounds_max = 4;
constexpr std::size_t prove_first = 8;  // fewer messages are no evidence of what another would meet

/// No partition takes it. It names no constraint.
bool has_no_partition(const row_answer& a) {
  return a.why.sqlstate == check_violation && !a.names_cause;
}

}  // namespace

bool has_rival(std::string_view sqlstate) noexcept {
  return sqlstate == "23505" || sqlstate == "23P01";
}

void refusal_search::begin() {
  found_.clear();
  orphans_.clear();
  waiting_.clear();
  may_wait_ = true;
  gives_keys_up_ = claims_.hold_too_much();
  refused_before_ = segment_.refused();
  unproven_ = 0;
  suspects_.clear();
  prove_at_ = prove_first;
  good_.reset();
  asked_ = proof::none;
  asked_empty_ = any_taken_ = false;
  passes_ = 0;
  pass_size_ = 0;
  rival_rounds_ = 0;
  tried_ = 0;
  start(claims_.rows());
}

void refusal_search::start(std::vector<std::size_t> messages) {
  // Each pass has fewer messages than the one before, or another event's, or is one of a few rival rounds.
  ++passes_;
  BOOST_ASSERT(passes_ <= 16 * (segment_.size() + 1));
  messages_ = std::move(messages);
  tried_ = std::max(tried_, messages_.size());
  parts_ = isolation(messages_.size());
  pass_size_ = messages_.size();
  found_.clear();
  in_a_row_ = 0;
}

search_step refusal_search::next() {
  using enum search_step::kind;
  if (!hold_ && asked_ == proof::none && parts_.done() && !start_pass()) {
    if (unproven_ > 0 && !ask_for_proof()) {
      hold_ = true;
      unsure_ = tried_ < prove_first;
    } else if (asked_ == proof::none && refuses_too_many()) {
      hold_ = over_stop_line_ = true;
    } else if (asked_ == proof::none) {
      return {gives_keys_up_ && segment_.refused() > refused_before_ ? restart : finish, {}};
    }
  }
  if (hold_) return {hold, {}};
  switch (asked_) {
    case proof::empty: return {look, {}};
    case proof::one: return {look, std::span(&*good_, 1)};
    case proof::sample: return {look_sample, {}};
    case proof::none: break;
  }
  const isolation::run run = parts_.next();
  return {keep, std::span(messages_).subspan(run.first, run.size())};
}

void refusal_search::answered(row_answer a) {
  if (asked_ != proof::none) {
    proven(a);
    return;
  }
  BOOST_ASSERT(!parts_.done());
  const isolation::run run = parts_.next();
  if (a.what == row_answer::kind::taken) {
    taken(std::span(messages_).subspan(run.first, run.size()));
    return;
  }
  // A row went to the default partition while that of its range was attached: the statement had looked before
  // that was committed, and PostgreSQL found so after. The next statement goes by the partitions as they are.
  if (has_no_partition(a) && !std::exchange(routed_anew_, true)) return;
  if (a.culprit) *a.culprit += run.first;
  // Whether it is the statement's shows best before any row is blamed.
  if (a.of_statement && !any_taken_ && !std::exchange(asked_empty_, true)) asked_ = proof::empty;
  if (const auto at = parts_.refused(a.culprit)) refused(messages_[*at], std::move(a));
}

void refusal_search::taken(std::span<const std::size_t> run) {
  good_ = run.back();
  any_taken_ = true;
  in_a_row_ = 0;
  unproven_ = 0;
  suspects_.clear();
  parts_.accepted();
}

void refusal_search::refused(std::size_t message, row_answer a) {
  in_a_row_ = in_a_row_ > 0 && state_ == a.why.sqlstate ? in_a_row_ + 1 : 1;
  state_ = a.why.sqlstate;
  if (in_a_row_ > load_history::refusals_max) hold_ = over_stop_line_ = true;
  const bool nameless = a.what == row_answer::kind::refused && !a.names_cause;
  found_.emplace_back(message, std::move(a.why));
  if (!nameless) return;
  suspects_.insert(state_);
  // Where all rows have it that shows early, and not after all were tried.
  if (++unproven_ < prove_at_ || asked_ != proof::none) return;
  prove_at_ *= 2;
  ask_for_proof();
}

/// False if there is nothing that the table is known to have taken.
bool refusal_search::ask_for_proof() {
  if (good_) {
    asked_ = proof::one;
  } else if (history_ != nullptr && !history_->sample().empty() &&
             !suspects_.contains(std::string(check_violation))) {
    // That there is a partition for another row says nothing of this one's.
    asked_ = proof::sample;
  }
  return asked_ != proof::none;
}

void refusal_search::proven(const row_answer& a) {
  const bool of_empty = std::exchange(asked_, proof::none) == proof::empty;
  // A row that was taken before has its key by now: that it is refused for this shows that it came as far.
  const bool other =
      a.what == row_answer::kind::refused && a.names_cause && !suspects_.contains(a.why.sqlstate);
  if (a.what != row_answer::kind::taken && (of_empty || !other)) {
    hold_ = true;
    return;
  }
  if (of_empty) return;
  unproven_ = 0;
  suspects_.clear();
}

/// Whether there are messages to be tried again, or for the first time.
bool refusal_search::start_pass() {
  if (start_next_round()) return true;
  std::ranges::move(found_, std::back_inserter(waiting_));
  found_.clear();
  return start_next_events();
}

/// Marks those that are refused for good. Those whose parent may come yet are left in `found_`.
bool refusal_search::start_next_round() {
  if (messages_.empty()) return false;
  bool new_reason = false;  // for a loser of a unique key to be tried again
  for (const auto& [message, why] : found_) {
    if (why.sqlstate == foreign_key_violation) {
      new_reason |= orphans_.insert(message).second;
    } else if (!has_rival(why.sqlstate)) {
      new_reason = true;
    }
  }
  const bool rivals_too = new_reason && ++rival_rounds_ <= rival_rounds_max;
  std::vector<std::size_t> again, rivals;
  refusals left;
  for (auto& each : found_) {
    if (orphans_.contains(each.first)) {
      again.push_back(each.first);
      left.push_back(std::move(each));
    } else if (rivals_too && has_rival(each.second.sqlstate)) {
      rivals.push_back(each.first);
    } else {
      mark(each.first, std::move(each.second));
    }
  }
  found_ = std::move(left);
  if (rivals.empty() && (again.empty() || again.size() == pass_size_)) return false;
  std::ranges::sort(again);
  std::ranges::sort(rivals);
  again.insert(again.begin(), rivals.begin(), rivals.end());
  start(std::move(again));
  return true;
}

/// Where keys of refused messages must be given up, the whole transaction is done again without them. So that
/// this is not once for each of them, the next message of their event is tried before. No orphan is refused
/// while such a message may yet bring its parent.
bool refusal_search::start_next_events() {
  messages_.clear();
  pass_size_ = 0;
  if (!may_wait_) refuse_all(waiting_);
  std::vector<std::size_t> next = claims_.choose_next();
  const bool others_refused = gives_keys_up_ && segment_.refused() > refused_before_;
  if (next.empty() && may_wait_ && !others_refused) {
    may_wait_ = false;
    const auto rest = std::ranges::partition(waiting_, [&](auto& w) { return claims_.has_next(w.first); });
    // Orphans that give way to another of their event do so first. The others are tried again when the whole
    // is done again, and may find their parents then.
    if (rest.begin() != waiting_.begin()) waiting_.erase(rest.begin(), waiting_.end());
    refuse_all(waiting_);
    next = claims_.choose_next();
  }
  if (next.empty()) return false;
  orphans_.clear();
  rival_rounds_ = 0;
  start(std::move(next));
  return true;
}

void refusal_search::refuse_all(refusals& list) {
  for (auto& [message, why] : list) mark(message, std::move(why));
  list.clear();
}

void refusal_search::mark(std::size_t message, copy::refusal why) {
  marked_in_a_row_ = marked_ == why.sqlstate ? marked_in_a_row_ + 1 : 1;
  marked_ = why.sqlstate;
  segment_.refuse(message, std::move(why));
}

/// With those of the loads before, if this one has no row either. Of a business key each pass tries other
/// messages, and so does what begins again: all that were marked count.
bool refusal_search::refuses_too_many() const {
  if (any_taken_ || history_ == nullptr) return false;
  const auto over = [&](const std::string& state, std::size_t here) {
    return here > 0 && history_->refused_in_a_row(state) + here > load_history::refusals_max;
  };
  return over(state_, in_a_row_) || over(marked_, marked_in_a_row_);
}

}  // namespace sluice::pg
