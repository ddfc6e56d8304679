#include <algorithm>
#include <utility>

#include "core/verdict.hpp"
#include "pipeline/lane.hpp"

namespace sluice::pipeline {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t traces_told_max = 10;  // of a batch
constexpr auto set_aside_every = 10s;
constexpr std::size_t trials_max = 10;

}  // namespace

awaitable<void> lane::load_batches() {
  const auto connection = ports_.open_sink();
  const listed<sink> in_list(loading_, *connection);
  while (batch* b = co_await next_batch()) {
    const auto started = clock::now();
    counters_.batch_age.add(started - b->opened);
    std::optional<in_flight<observe::gauge>> transaction(std::in_place, counters_.loading);
    auto report = co_await load(*connection, *b);
    transaction.reset();
    b->at = batch::stage::settling;
    if (report) {
      loaded(*b, *report, clock::now() - started);
      b->rows.commit(b->rows.open());
      ask(*b, call::remove);
      continue;
    }
    const verdict v = classify(report.error());
    if (!may_pass(v) && v != verdict::cancelled) fail(report.error());
    if (b->rows.first_open() > 0) ask(*b, call::remove);
    ask(*b, call::give_back);
    ++returns_;
    if (options_.in_order) give_back_waiting();
    if (may_pass(v)) co_await wait_for_sink(*connection);
  }
}

// Null when there will be no more.
awaitable<batch*> lane::next_batch() {
  for (;;) {
    if (received_all_) pool_.seal();
    if (batch* b = pool_.take(clock::now(), options_.age_max)) co_return b;
    if (received_all_) co_return nullptr;
    const auto longest =
        pool_.filling() ? pool_.ripe_at(options_.age_max) - clock::now() : clock::duration(1min);
    const clock::duration rest = std::max<clock::duration>(longest, 0ms);
    co_await work_.wait(rest);
  }
}

// Tries until it is committed, or `hold_max` has passed, or only a person can help, or we are to stop. The
// messages are kept hidden meanwhile, and none are received.
awaitable<result<pg::load_report>> lane::load(sink& to, batch& b) {
  backoff wait({.tries_max = 0, .total_max = options_.hold_max}, ++seeds_);
  bool outcome_unknown = false;
  bool impaired = false;
  for (;;) {
    if (sinks_closed_) co_return failure{errc::cancelled, "stopped"};
    const auto started = clock::now();
    auto report = co_await to.load(b.rows, outcome_unknown);
    if (report && report->more) {
      loaded(b, *report, clock::now() - started);
      if (report->too_slow && stopping()) co_return *report->too_slow;
      outcome_unknown = report->too_slow.has_value();
      if (std::exchange(impaired, false)) sink_found();
      wait.reset();
      continue;
    }
    const verdict v = report ? verdict::retry : classify(report.error());
    const bool again = !report && may_pass(v) && options_.hold_max > 0ms && !stopping();
    const auto delay = again ? wait.next(clock::now()) : std::nullopt;
    if (!delay) {
      if (impaired) sink_found();
      co_return report;
    }
    outcome_unknown = true;
    counters_.load_failures.add();
    log_.warning("load_failed", {{"why", report.error().what},
                                 {"fix", report.error().fix},
                                 {"code", report.error().code.message()},
                                 {"verdict", to_string(v)},
                                 {"messages", b.rows.size()},
                                 {"retry_in_ms", delay->count()}});
    if (!std::exchange(impaired, true)) sink_lost();
    co_await pause(*delay);
  }
}

// The database has been away for `hold_max`: hold nothing, receive nothing, until it answers. That it answers
// does not say that it loads (its disk may be full, the table locked): until something was loaded, single
// messages are received, as each receive brings a message nearer to the dead-letter queue.
awaitable<void> lane::wait_for_sink(sink& to) {
  log_.error("database_away", {{"held_ms", options_.hold_max.count()}});
  sink_lost();
  backoff wait({.tries_max = 0}, ++seeds_);
  while (!stopping()) {
    give_back_waiting();
    const auto answer = co_await to.probe();
    if (answer) {
      log_.info("database_back");
      trials_ = trials_max;
      break;
    }
    const verdict v = classify(answer.error());
    if (v == verdict::fatal || v == verdict::auth) {
      fail(answer.error());
      break;
    }
    const auto delay = wait.next(clock::now());
    co_await pause(delay.value_or(5s));
  }
  sink_found();
}

void lane::give_back_waiting() {
  pool_.seal();
  while (batch* b = pool_.take(clock::now(), 0ms)) {
    b->at = batch::stage::settling;
    ask(*b, call::give_back);
  }
}

void lane::sink_lost() {
  ++impaired_;
  counters_.databases_away.add();
}

void lane::sink_found() {
  counters_.databases_away.sub();
  --impaired_;
  call_pollers();
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
  if (trials_ > 0) {
    trials_ =
        report.rows > 0 ? 0 : trials_ - 1;  // what is known or bad does not show that the table takes rows
    call_pollers();
  }
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
      if (s.refusal_index < 0) continue;
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

// Their sum, once in a while: who sends nothing good must not fill the log, too.
void lane::tell_set_aside() {
  const auto now = clock::now();
  if (set_aside_untold_ == 0 || (now < set_aside_next_ && !loaded_all_)) return;
  set_aside_next_ = now + set_aside_every;
  log_.info("messages_set_aside", {{"messages", std::exchange(set_aside_untold_, 0)}});
}

// So that who looks at a trace finds why it ends here: for the first of a batch, as a log has to end
// somewhere.
void lane::tell_traces(const copy::segment& s, std::span<const copy::slot> slots) {
  std::size_t told = 0;
  for (const copy::slot& each : slots) {
    const std::string_view trace = s.trace_id(each);
    if (each.refusal_index < 0 || trace.empty()) continue;
    if (++told > traces_told_max) return;
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
