#include "sim/choices.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace tests {
namespace {

using namespace sluice;

void choose_options(choices& c, dice& d) {
  pipeline::options& o = c.options;
  o.loaders = static_cast<std::size_t>(d.between(1, 3));
  o.segments = o.loaders + static_cast<std::size_t>(d.between(1, 6));
  o.segment.rows_max = static_cast<std::size_t>(d.between(1, 60));
  o.segment.row_bytes = static_cast<std::size_t>(d.between(20, 4'000));
  o.pollers_max = static_cast<std::size_t>(d.between(1, 8));
  o.ackers = static_cast<std::size_t>(d.between(1, 6));
  o.age_max = d.ms_between(0, 200);
  o.visibility = std::chrono::seconds(d.between(5, 40));
  o.hold_max = d.ms_between(0, 60'000);
  o.wait = std::chrono::seconds(d.between(0, 20));
  o.queue_away_max = std::chrono::minutes(5);
  o.stop_max = std::chrono::seconds(d.between(1, 25));
  o.poll_grace = std::chrono::milliseconds(500);
}

void choose_mode(choices& c, dice& d) {
  c.fifo = d.chance(0.3);
  c.bad = pg::bad_messages(d.between(0, c.fifo ? 1 : 2));  // in a FIFO queue bad messages cannot be left
  c.with_ledger = c.fifo || d.chance(0.8);
  c.upsert = c.with_ledger && d.chance(0.3);
  c.by_event = c.with_ledger && !c.upsert && d.chance(0.4);
  c.names_line = d.chance(0.7);
  c.sample_has_rival = d.chance(0.5);
  c.options.in_order = c.fifo;
  if (c.fifo) c.options.loaders = 1;
  c.lanes = d.chance(0.5) ? 1 : static_cast<std::size_t>(d.between(2, 4));
  c.processes = d.between(1, 3);
}

void choose_troubles(choices& c, dice& d) {
  const auto percent = [&](double never, int most) {
    return d.chance(never) ? 0 : d.between(0, most) / 100.0;
  };
  c.fail = percent(0.3, 30);
  c.lose = percent(0.3, 15);
  c.slow = percent(0.3, 30);
  c.hang = percent(0.5, 5);
  c.twice = percent(0.5, 10);
  c.fatal = d.chance(0.7) ? 0 : 0.005;
  c.outage = percent(0.5, 30) / 10;
  c.refuse_all = percent(0.6, 10);
  c.refused_rows = percent(0.5, 10);
  c.slow_rows = percent(0.7, 5);
  c.locked_rows = percent(0.7, 5);
  c.crash_every = d.chance(0.3) ? std::chrono::milliseconds(0) : d.ms_between(50, 20'000);
  // A poll may wait in each lane while others settle, and one may look whether a queue is empty.
  if (d.chance(0.3)) c.calls_max = 2 * c.lanes + static_cast<std::size_t>(d.between(1, 10));
}

}  // namespace

choices choose(dice& d, bool changed_table) {
  choices c;
  choose_options(c, d);
  choose_mode(c, d);
  c.messages = d.between(0, 300);
  c.bad_bodies = d.chance(0.3) ? 0 : d.between(0, 20) / 100.0;
  if (changed_table) {
    c.of = choices::kind::changed_table;
    c.options.segment.rows_max = static_cast<std::size_t>(d.between(1, 2'000));
    c.messages = d.between(1'100, 1'600);
    c.lanes = 1;
  } else if (d.chance(0.15)) {
    c.of = choices::kind::one_outage;
  } else {
    choose_troubles(c, d);
  }
  if (c.of != choices::kind::ordinary) {
    c.processes = 1;
    // There a bad message is received until the queue takes it for dead, which is what is asked of good ones.
    if (c.bad == pg::bad_messages::leave) c.bad = pg::bad_messages::quarantine;
  }
  c.options.leave_bad = c.bad == pg::bad_messages::leave;
  // A row that is refused without a cause is held until another is taken: all of them, and that one, must
  // find a place.
  if (c.refused_rows > 0) {
    c.options.segment.rows_max += 30;
    c.options.segment.row_bytes += 12'000;
  }
  return c;
}

std::string to_line(const choices& c) {
  constexpr std::array<std::string_view, 3> kinds = {"ordinary", "one outage", "changed table"};
  constexpr std::array<std::string_view, 3> places = {"quarantine", "dlq", "leave"};
  const pipeline::options& o = c.options;
  return fmt::format(
      "{}, {} messages, processes {}, lanes {}, loaders {}, segments {} of {} rows and {} bytes, pollers {}, "
      "ackers {}, age {} ms, visibility {} s, hold {} ms, wait {} s, stop {} ms, calls {}, fifo {}, "
      "ledger {}, upsert {}, event {}, bad to {}, line {}, rival {}, bad bodies {}, refused rows {}, "
      "slow rows {}, locked rows {}, fail {}, lose {}, slow {}, hang {}, twice {}, fatal {}, outage {}, "
      "refuse all {}, crash {} ms",
      kinds.at(static_cast<std::size_t>(c.of)), c.messages, c.processes, c.lanes, o.loaders, o.segments,
      o.segment.rows_max, o.segment.row_bytes, o.pollers_max, o.ackers, o.age_max.count(),
      o.visibility.count(), o.hold_max.count(), o.wait.count(), o.stop_max.count(), c.calls_max, c.fifo,
      c.with_ledger, c.upsert, c.by_event, places.at(static_cast<std::size_t>(c.bad)), c.names_line,
      c.sample_has_rival, c.bad_bodies, c.refused_rows, c.slow_rows, c.locked_rows, c.fail, c.lose, c.slow,
      c.hang, c.twice, c.fatal, c.outage, c.refuse_all, c.crash_every.count());
}

}  // namespace tests
