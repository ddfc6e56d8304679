#include <algorithm>
#include <utility>

#include "core/verdict.hpp"
#include "pipeline/lane.hpp"

namespace sluice::pipeline {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t traces_told_max = 10;  // in that time
constexpr auto told_every = 10s;
constexpr auto answer_max = 11s;  ///< a poll ends so long after its wait, whatever happens

}  // namespace

awaitable<void> lane::load_batches() {
  const auto connection = ports_.open_sink();
  const listed<sink> in_list(loading_, *connection);
  backoff wait({.tries_max = 0}, ++seeds_);
  while (batch* b = co_await next_batch()) {
    const auto started = clock::now();
    counters_.batch_age.add(started - b->opened);
    std::optional<database_health::trouble> failing;  // from the first try that fails
    std::optional<in_flight<observe::gauge>> transaction(std::in_place, counters_.loading);
    auto report = co_await load(*connection, *b, failing);
    transaction.reset();
    if (report) {
      wait.reset();
      b->at = batch::stage::settling;
      loaded(*b, *report, clock::now() - started);
      b->rows.commit(b->rows.open());
      ask(*b, request::remove);
    } else {
      co_await give_up(*connection, *b, report.error());
    }
    failing.reset();
    call_pollers();
    if (report || stopping()) continue;
    const auto delay = wait.next(clock::now());
    co_await pause(delay.value_or(5s));
  }
}

// It was not loaded for as long as messages are held, or a person has to help, or a stop has come.
awaitable<void> lane::give_up(sink& to, batch& b, const failure& why) {
  const verdict v = classify(why);
  if (!may_pass(v) && v != verdict::cancelled) fail(why);
  auto next = database_health::next::give_back;
  if (may_pass(v) && !stopping()) {
    next = health_.gave_up(b.on_trial);
    if (next == database_health::next::give_back)
      log_.warning("load_given_up", {{"why", why.what}, {"fix", why.fix}, {"messages", b.rows.size()}});
  }
  if (next == database_health::next::keep) {
    pool_.put_back(b, clock::now());
    co_return;
  }
  const bool is_away = next == database_health::next::give_back_and_probe;
  if (is_away) co_await polls_over(clock::now() + options_.wait + answer_max);
  const auto kept = b.on_trial ? keep::nothing : keep::trial;
  give_back(b);
  if (options_.in_order) give_back_waiting(kept);
  if (is_away) co_await wait_for_sink(to);
}

// Null when there will be no more.
awaitable<batch*> lane::next_batch() {
  for (;;) {
    if (received_all_) pool_.seal();
    if (batch* b = pool_.take(clock::now(), options_.age_max)) co_return b;
    if (received_all_) co_return nullptr;
    const auto longest =
        pool_.filling() != nullptr ? pool_.ripe_at(options_.age_max) - clock::now() : clock::duration(1min);
    const clock::duration rest = std::max<clock::duration>(longest, 0ms);
    co_await work_.wait(rest);
  }
}

// Tries until it is committed, or `hold_max` has passed, or only a person can help, or we are to stop. The
// messages are kept hidden meanwhile, and none are received.
awaitable<result<pg::load_report>> lane::load(sink& to, batch& b,
                                              std::optional<database_health::trouble>& failing) {
  backoff wait({.tries_max = 0, .total_max = options_.hold_max}, ++seeds_);
  std::uint64_t proofs = health_.proofs();
  for (;;) {
    if (sinks_closed_) co_return failure{errc::cancelled, "stopped"};
    const auto started = clock::now();
    auto report = co_await to.load(b.rows, b.tried);
    if (report && !report->more) co_return report;
    if (report) {
      loaded(b, *report, clock::now() - started);
      if (report->too_slow && stopping()) co_return *report->too_slow;
      b.tried = report->too_slow.has_value();
      if (!report->too_slow) failing.reset();
      wait.reset();
      continue;
    }
    const verdict v = classify(report.error());
    if (!may_pass(v)) co_return report;
    b.tried = true;
    if (!failing) failing.emplace(health_);
    health_.failed(std::exchange(proofs, health_.proofs()), clock::now());
    counters_.load_failures.add();
    if (is_beyond_patience()) fail(report.error());
    const bool again = options_.hold_max > 0ms && !stopping();
    const auto delay = again ? wait.next(clock::now()) : std::nullopt;
    if (!delay) co_return report;
    log_.warning("load_failed", {{"why", report.error().what},
                                 {"fix", report.error().fix},
                                 {"code", report.error().code.message()},
                                 {"verdict", to_string(v)},
                                 {"messages", b.rows.size()},
                                 {"retry_in_ms", delay->count()}});
    co_await pause(*delay);
  }
}

// A service waits for its database, as nothing else would know more. Something waits for the end of a drain.
bool lane::is_beyond_patience() const {
  return options_.until_empty && health_.failing_for(clock::now()) >= options_.queue_away_max;
}

// The database has been away for `hold_max`: hold nothing, receive nothing, until it answers. That it answers
// does not say that it loads: see database_health.
//
// The other connections may be back sooner. What waits here is theirs to load while one of them is this
// lane's. If none is, it goes back, and this lane receives nothing: see may_receive.
awaitable<void> lane::wait_for_sink(sink& to) {
  log_.error("database_away", {{"held_ms", options_.hold_max.count()}});
  backoff wait({.tries_max = 0}, ++seeds_);
  const in_flight one(probing_);
  const auto began = clock::now();
  auto more_let_in = began;
  while (!stopping()) {
    const bool trusted = health_.trusted();
    const bool loads_none = probing_ == options_.loaders;
    if (loads_none || !trusted) give_back_waiting(trusted ? keep::nothing : keep::trial);
    const auto answer = co_await to.probe();
    if (answer) {
      log_.info("database_back");
      health_.answered();
      co_return;
    }
    const verdict v = classify(answer.error());
    const bool too_long = options_.until_empty && clock::now() - began >= options_.queue_away_max;
    if (v == verdict::fatal || v == verdict::auth || too_long || is_beyond_patience()) {
      fail(answer.error());
      co_return;
    }
    // What is kept on trial cannot be tried here, so that another message is, by a lane that can.
    if (loads_none && !pool_.idle() && clock::now() - more_let_in >= options_.hold_max) {
      more_let_in = clock::now();
      static_cast<void>(health_.gave_up(true));
    }
    const auto delay = wait.next(clock::now());
    co_await pause(delay.value_or(5s));
  }
}

// What of it is committed is deleted.
void lane::give_back(batch& b) {
  ++returns(b.on_trial);
  b.at = batch::stage::settling;
  if (b.rows.first_open() > 0) ask(b, request::remove);
  ask(b, request::give_back);
}

// But for what is on trial, if that is kept.
void lane::give_back_waiting(keep what) {
  std::vector<batch*> kept;
  pool_.seal();
  while (batch* b = pool_.take(clock::now(), 0ms)) {
    if (b->on_trial && what == keep::trial && !stopping()) {
      kept.push_back(b);
    } else {
      give_back(*b);
    }
  }
  for (batch* b : kept) pool_.put_back(*b, clock::now());
}

void lane::loaded(const batch& b, const pg::load_report& report, clock::duration took) {
  if (report.too_slow) {
    log_.warning("load_too_slow", {{"why", report.too_slow->what},
                                   {"fix", report.too_slow->fix},
                                   {"open", b.rows.open()},
                                   {"held_back", b.rows.held_back()}});
    return;
  }
  const auto slots =
      b.rows.slots().subspan(report.first, std::min(report.count, b.rows.size() - report.first));
  health_.loaded(report.rows);
  counters_.batches.add();
  counters_.rows.add(report.rows);
  counters_.duplicates.add(report.duplicates);
  counters_.set_aside.add(report.set_aside);
  if (report.claimed) counters_.claims.add();
  counters_.load_time.add(took);
  counters_.copy_time.add(report.copying);
  counters_.commit_time.add(report.committing);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  for (const copy::slot& s : slots) {
    counters_.send_to_commit.add(now - std::chrono::milliseconds(s.sent_ms));
  }
  if (report.left > 0) log_.warning("messages_left", {{"messages", report.left}});
  if (report.set_aside > 0) {
    for (const copy::slot& s : slots) {
      if (s.refusal_index < 0 || b.rows.is_left(s)) continue;
      const copy::refusal& why = b.rows.refusal_of(s);
      std::string reason(why.reason);
      if (!why.column.empty()) reason += ' ' + why.column;
      counters_.set_aside_by_reason.add(reason);
    }
    set_aside_untold_ += report.set_aside;
    tell_set_aside();
  }
  if (report.set_aside + report.left > 0) tell_traces(b.rows, slots);
  log_.debug("batch_committed", {{"messages", slots.size()},
                                 {"rows", report.rows},
                                 {"duplicates", report.duplicates},
                                 {"set_aside", report.set_aside},
                                 {"tries", report.tries},
                                 {"took_ms", std::chrono::duration<double, std::milli>(took).count()}});
}

// Their sum, once in a while: a producer that sends nothing good must not fill the log, too.
void lane::tell_set_aside() {
  const auto now = clock::now();
  if (set_aside_untold_ == 0 || (now < set_aside_next_ && !loaded_all_)) return;
  set_aside_next_ = now + told_every;
  log_.info("messages_set_aside", {{"messages", std::exchange(set_aside_untold_, 0)}});
}

// So that a trace shows why it ends here: for some, as a log has to end somewhere.
void lane::tell_traces(const copy::segment& s, std::span<const copy::slot> slots) {
  if (const auto now = clock::now(); now >= traces_next_) {
    traces_next_ = now + told_every;
    traces_left_ = traces_told_max;
  }
  for (const copy::slot& each : slots) {
    const std::string_view trace = s.trace_id(each);
    if (each.refusal_index < 0 || trace.empty()) continue;
    if (traces_left_ == 0) return;
    --traces_left_;
    const copy::refusal& why = s.refusal_of(each);
    const std::string id = to_string(each.message_id);
    log_.info("traced_message_set_aside", {{"trace", trace},
                                           {"message_id", id},
                                           {"reason", why.reason},
                                           {"column", why.column},
                                           {"sqlstate", why.sqlstate}});
  }
}

}  // namespace sluice::pipeline
