#include "pipeline/ticket_queue.hpp"

#include <algorithm>
#include <boost/assert.hpp>
#include <numeric>

namespace sluice::pipeline {

std::string_view name_of(request r) noexcept {
  switch (r) {
    case request::remove: return "delete";
    case request::extend: return "extend";
    case request::give_back: return "give_back";
  }
  return "unknown";
}

void ticket_queue::count(const ticket& t) noexcept {
  ++t.of->calls;
  asked_ += t.count;
}

void ticket_queue::ask(batch& b, request what, bool later) {
  for (std::size_t first = 0; first < b.rows.size(); first += entries_max) {
    const ticket one{&b, first, std::min(entries_max, b.rows.size() - first), what};
    count(one);
    if (later) {
      later_.push_back(one);
    } else {
      waiting_.push_back(one);
    }
  }
}

void ticket_queue::ask_first(const ticket& t) {
  count(t);
  waiting_.push_front(t);
}

void ticket_queue::release_later() {
  waiting_.insert(waiting_.end(), later_.begin(), later_.end());
  later_.clear();
}

ticket ticket_queue::take() {
  BOOST_ASSERT(!waiting_.empty());
  const ticket t = waiting_.front();
  waiting_.pop_front();
  return t;
}

bool ticket_queue::adds_up() const noexcept {
  return waiting_.empty() && later_.empty() &&
         asked_ == std::accumulate(ended_.begin(), ended_.end(), std::size_t{0});
}

namespace {

bool is_asked(const ticket& t, std::size_t message, bool leave_bad) {
  const copy::segment& s = t.of->rows;
  const copy::slot& slot = s.slots()[message];
  const bool committed = message < s.first_open();
  if (t.what == request::extend) return true;
  if (t.what == request::give_back) return !committed;
  const bool left = (leave_bad && slot.refusal_index >= 0) || s.is_left(slot);
  return committed && !left && !s.is_held_back(message);
}

}  // namespace

settlement::settlement(const ticket& t, bool leave_bad, ticket_queue& counts)
    : counts_(counts), what_(t.what), slots_(t.of->rows.slots().subspan(t.first, t.count)) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!is_asked(t, t.first + i, leave_bad)) continue;
    places_[open_] = i;
    handles_[open_++] = t.of->rows.receipt_handle(slots_[i]);
  }
  counts_.ended(ending::not_asked, slots_.size() - open_);
}

settlement::outcome settlement::answered(std::span<const sqs::batch_failure> failed,
                                         steady_time hidden_until) {
  std::array<const sqs::batch_failure*, ticket_queue::entries_max> why{};
  for (const sqs::batch_failure& f : failed) why[f.index] = &f;
  outcome o;
  std::size_t still_open = 0;
  for (std::size_t i = 0; i < open_; ++i) {
    copy::slot& s = slots_[places_[i]];
    if (why[i] == nullptr) {
      ++o.done;
      if (what_ == request::extend) s.hidden_until = hidden_until;
    } else if (why[i]->sender_fault) {
      if (++o.refused == 1) o.code = why[i]->code;
      // It is deleted, or received by another. It comes when it comes, and is not asked for again.
      if (what_ == request::extend) s.hidden_until = steady_time::max();
    } else {
      places_[still_open] = places_[i];
      handles_[still_open++] = handles_[i];
    }
  }
  open_ = still_open;
  counts_.ended(ending::done, o.done);
  counts_.ended(ending::told, o.refused);
  return o;
}

void settlement::end(ending how) noexcept {
  counts_.ended(how, open_);
  open_ = 0;
}

}  // namespace sluice::pipeline
