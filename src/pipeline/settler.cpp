#include <algorithm>
#include <functional>

#include "core/verdict.hpp"
#include "pipeline/lane.hpp"

namespace sluice::pipeline {

using namespace std::chrono_literals;

namespace {

// SQS's limit, less than a long poll, as it is not known when in it SQS has hidden the message.
constexpr auto hidden_max = 12h - 1min;

}  // namespace

void lane::ask(batch& b, request what) {
  if (tickets_.empty() && b.rows.size() > 10 * ticket_queue::entries_max) settle_limit_.begin();
  // At a stop, not until no poll is in flight that would bring them again.
  tickets_.ask(b, what, what == request::give_back && stopping() && !received_all_);
  call_settlers();
}

// As many calls as there should be: wakes settlers, and makes new ones where too few are there. These are
// tasks of their own, not calls. NOLINTBEGIN(misc-no-recursion)
void lane::call_settlers() {
  const std::size_t target = std::min(settle_limit_.get(), serving_ + tickets_.size());
  if (serving_ < target) calls_.notify(target - serving_);
  for (; settlers_ < target; ++settlers_) spawn(settle(), settlers_alive_);
}

awaitable<void> lane::settle() {
  const auto connection = ports_.open_queue();
  const listed<queue> in_list(settling_, *connection);
  bool connected = false;
  while (!queues_closed_) {
    if (tickets_.empty() || serving_ >= settle_limit_.get()) {
      if (tickets_.empty() && loaded_all_) break;
      const bool wanted = co_await calls_.wait(unwanted_max);
      if (wanted || settlers_ == 1) continue;
      --settlers_;
      break;
    }
    const in_flight one(serving_);
    const ticket t = tickets_.take();
    const auto asked = co_await serve(*connection, t);
    settled(t);
    const auto demand = tickets_.empty() ? concurrency::demand::same : concurrency::demand::more;
    settle_limit_.answered(demand, connected ? asked : std::nullopt, clock::now());
    connected = asked.has_value();
    call_settlers();
  }
  if (loaded_all_) calls_.notify();  // those that are not needed have nothing to wait for
}
// NOLINTEND(misc-no-recursion)

// One batch call, and again for those of its entries that were not done. What cannot be done is no failure of
// ours: the message comes again by itself, and the ledger knows it. But it is told. Gives the time of the
// last call, if it was answered.
awaitable<std::optional<steady_time>> lane::serve(queue& q, const ticket& t) {
  settlement entries(t, options_.leave_bad, tickets_);
  const std::chrono::seconds visibility = t.what == request::extend ? extension(*t.of) : 0s;
  backoff wait({.tries_max = 5}, ++seeds_);
  std::optional<steady_time> answered;
  while (entries.open() > 0 && !queues_closed_) {
    const auto asked = clock::now();
    counters_.settling.add();
    // An if, not a conditional expression: g++ 12 evaluates both sides of one that holds a co_await.
    result<std::vector<sqs::batch_failure>> failed;
    if (t.what == request::remove) {
      failed = co_await q.remove(entries.handles());
    } else {
      failed = co_await q.hide(entries.handles(), visibility);
    }
    counters_.settling.sub();
    answered.reset();
    if (failed) {
      answered = asked;
      note_answer(t.what, entries.answered(*failed, asked + visibility), asked);
      if (entries.open() == 0) co_return answered;
    } else if (!may_settle_again(t.what, failed.error())) {
      break;
    }
    const auto delay = wait.next(clock::now());
    if (!delay) break;
    co_await pause(*delay);
  }
  // Without a word only what a stop has no more time for.
  if (t.what == request::remove) counters_.delete_failures.add(entries.open());
  entries.end(queues_closed_ ? ending::given_up : ending::told);
  co_return answered;
}

void lane::note_answer(request what, const settlement::outcome& o, steady_time asked) {
  switch (what) {
    case request::remove:
      counters_.deleted.add(o.done);
      counters_.delete_failures.add(o.refused);
      counters_.delete_time.add(clock::now() - asked);
      break;
    case request::give_back: counters_.given_back.add(o.done); break;
    case request::extend: counters_.extended.add(o.done); break;
  }
  if (o.refused == 0) return;
  log_.warning("settle_refused", {{"request", name_of(what)}, {"messages", o.refused}, {"code", o.code}});
}

bool lane::may_settle_again(request what, const failure& f) {
  const verdict v = classify(f);
  // Only queues that a stop has closed cancel calls.
  if (v == verdict::cancelled && queues_closed_) return false;
  if (v == verdict::fatal || v == verdict::auth) {
    fail(f);
    return false;
  }
  if (v == verdict::throttle) settle_limit_.throttled();
  log_.warning("settle_failed",
               {{"why", f.what}, {"fix", f.fix}, {"request", name_of(what)}, {"verdict", to_string(v)}});
  return true;
}

void lane::settled(const ticket& t) {
  batch& b = *t.of;
  --b.calls;
  if (b.at == batch::stage::settling && b.calls == 0) {
    counters_.held.sub(static_cast<std::int64_t>(b.rows.size()));
    counters_.segments_used.sub();
    pool_.release(b);
    room_.notify();
    call_pollers();
  }
}

// Too late to serve them: the queue has them.
void lane::give_up_tickets() {
  while (!tickets_.empty()) {
    const ticket t = tickets_.take();
    tickets_.ended(ending::given_up, t.count);
    if (t.what == request::remove) counters_.delete_failures.add(t.count);
    settled(t);
  }
}

// SQS hides a message for at most twelve hours from when it was received, and refuses to be asked for more.
std::chrono::seconds lane::extension(const batch& b) const {
  const auto rest = std::chrono::floor<std::chrono::seconds>(b.hidden + hidden_max - clock::now());
  return std::clamp(rest, 0s, options_.visibility);
}

// The heartbeat: extends what may outlive half of its visibility, the most urgent first.
awaitable<void> lane::keep_hidden() {
  while (!loaded_all_ || settlers_alive_ > 0) {
    co_await stop_.wait(1s);
    tell_set_aside();
    call_for_help(clock::now());  // replies do it, too, but a loop that may not receive has none
    call_pollers();               // the database may be back, as another loop has seen
    const auto horizon = clock::now() + options_.visibility / 2;
    std::vector<std::pair<steady_time, ticket>> due;
    for (batch& b : pool_.all()) {
      const bool held =
          b.at == batch::stage::filling || b.at == batch::stage::sealed || b.at == batch::stage::loading;
      if (!held || b.calls > 0 || b.rows.empty() || b.rows.hidden_until() > horizon) continue;
      if (extension(b) == 0s) continue;  // it comes again, and the ledger knows it if we commit it yet
      const auto slots = b.rows.slots();
      for (std::size_t first = 0; first < slots.size(); first += ticket_queue::entries_max) {
        const auto ten = slots.subspan(first, std::min(ticket_queue::entries_max, slots.size() - first));
        const auto until = std::ranges::min(ten, {}, &copy::slot::hidden_until).hidden_until;
        if (until <= horizon) due.emplace_back(until, ticket{&b, first, ten.size(), request::extend});
      }
    }
    std::ranges::sort(due, std::greater(), [](const auto& each) { return each.first; });
    for (const auto& [until, each] : due) tickets_.ask_first(each);
    if (!due.empty()) call_settlers();
  }
}

}  // namespace sluice::pipeline
