#include <algorithm>
#include <array>
#include <functional>

#include "core/verdict.hpp"
#include "pipeline/lane.hpp"

namespace sluice::pipeline {

using namespace std::chrono_literals;

namespace {

// SQS's limit, less than a long poll, as it is not known when in it SQS has hidden the message.
constexpr auto hidden_max = 12h - 1min;
constexpr std::size_t call_size = sqs::batch_entries_max;

}  // namespace

void lane::ask(batch& b, call what) {
  if (tickets_.empty() && b.rows.size() > 10 * call_size) settle_limit_.begin();
  const bool later = what == call::give_back && stopping() && !received_all_;
  for (std::size_t first = 0; first < b.rows.size(); first += call_size) {
    const ticket one{&b, first, std::min(call_size, b.rows.size() - first), what};
    if (later) {
      returns_kept_.push_back(one);
    } else {
      tickets_.push_back(one);
    }
    ++b.calls;
  }
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
    const ticket t = tickets_.front();
    tickets_.pop_front();
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

// Of a batch that was loaded in parts some messages may be committed and others not. What was held back, or
// is bad and to be left, comes again when its visibility timeout has passed.
bool lane::is_for(const ticket& t, std::size_t message) const {
  const copy::segment& s = t.of->rows;
  const bool committed = message < s.first_open();
  if (t.what == call::extend) return true;
  if (t.what == call::give_back) return !committed;
  const bool left = options_.leave_bad && s.slots()[message].refusal_index >= 0;
  return committed && !left && !s.is_held_back(message);
}

// One batch call, and again for those of its entries that were not done. What cannot be done is not an error:
// the message comes again by itself, and the ledger knows it. Gives the time of the last call, if it was
// answered.
awaitable<std::optional<steady_time>> lane::serve(queue& q, const ticket& t) {
  std::array<std::string_view, call_size> handles{};
  std::size_t count = 0;
  const auto slots = t.of->rows.slots().subspan(t.first, t.count);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (is_for(t, t.first + i)) handles[count++] = t.of->rows.receipt_handle(slots[i]);
  }

  const std::chrono::seconds visibility = t.what == call::extend ? extension(*t.of) : 0s;
  backoff wait({.tries_max = 5}, ++seeds_);
  std::optional<steady_time> answered;
  while (count > 0 && !queues_closed_) {
    const auto asked = clock::now();
    counters_.settling.add();
    const auto list = std::span<const std::string_view>(handles).first(count);
    // An if, not a conditional expression: g++ 12 evaluates both sides of one that holds a co_await.
    result<std::vector<sqs::batch_failure>> failed;
    if (t.what == call::remove) {
      failed = co_await q.remove(list);
    } else {
      failed = co_await q.hide(list, visibility);
    }
    counters_.settling.sub();
    answered.reset();
    if (!failed) {
      const verdict v = classify(failed.error());
      if (v == verdict::cancelled) co_return answered;
      if (v == verdict::fatal || v == verdict::auth) {
        fail(failed.error());
        co_return answered;
      }
      if (v == verdict::throttle) settle_limit_.throttled();
      log_.warning("settle_failed", {{"why", failed.error().what}, {"verdict", to_string(v)}});
    } else {
      answered = asked;
      const std::size_t done = count - failed->size();
      if (t.what == call::remove) {
        counters_.deleted.add(done);
        counters_.delete_time.add(clock::now() - asked);
      }
      if (t.what == call::give_back) counters_.given_back.add(done);
      if (t.what == call::extend) {
        counters_.extended.add(done);
        for (copy::slot& s : slots) s.hidden_until = asked + visibility;
      }
      std::ranges::sort(*failed, {}, &sqs::batch_failure::index);
      count = 0;
      for (const auto& f : *failed) {
        if (!f.sender_fault) handles[count++] = handles[f.index];
      }
      if (count == 0) co_return answered;
    }
    const auto delay = wait.next(clock::now());
    if (!delay) break;
    co_await pause(*delay);
  }
  if (t.what == call::remove) counters_.delete_failures.add(count);
  co_return answered;
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
    call_for_help(clock::now());  // replies do it, too, but who may not receive has none
    const auto horizon = clock::now() + options_.visibility / 2;
    std::vector<std::pair<steady_time, ticket>> due;
    for (batch& b : pool_.all()) {
      const bool held =
          b.at == batch::stage::filling || b.at == batch::stage::sealed || b.at == batch::stage::loading;
      if (!held || b.calls > 0 || b.rows.empty() || b.rows.hidden_until() > horizon) continue;
      if (extension(b) == 0s) continue;  // it comes again, and the ledger knows it if we commit it yet
      const auto slots = b.rows.slots();
      for (std::size_t first = 0; first < slots.size(); first += call_size) {
        const auto ten = slots.subspan(first, std::min(call_size, slots.size() - first));
        const auto until = std::ranges::min(ten, {}, &copy::slot::hidden_until).hidden_until;
        if (until > horizon) continue;
        due.emplace_back(until, ticket{&b, first, ten.size(), call::extend});
        ++b.calls;
      }
    }
    std::ranges::sort(due, std::greater(), [](const auto& each) { return each.first; });
    for (const auto& [until, each] : due) tickets_.push_front(each);
    if (!due.empty()) call_settlers();
  }
}

}  // namespace sluice::pipeline
