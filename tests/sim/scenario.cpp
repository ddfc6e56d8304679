#include "sim/scenario.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "sim/checks.hpp"
#include "sim/choices.hpp"
#include "sim/troubles.hpp"
#include "sim/world.hpp"

namespace tests {
namespace {

void trouble_phase(world& w) {
  dice& d = w.random;
  const int crash_ms = static_cast<int>(w.chosen.crash_every.count());
  for (int i = w.chosen.processes; i > 0; --i) w.start(d.chance(0.5));
  const auto until = w.time.now() + d.ms_between(100, 90'000);
  auto next_crash = w.time.now() + w.chosen.crash_every;
  while (w.time.now() < until) {
    w.step();
    if (crash_ms > 0 && w.time.now() >= next_crash && !w.processes.empty()) {
      w.crash();
      next_crash = w.time.now() + d.ms_between(1, crash_ms * 2);
    }
    if (w.processes.empty()) w.start(d.chance(0.5));
  }
}

/// A row that is refused and names no cause is known for bad by another that is taken. Without producers the
/// last of a queue would wait for that for ever.
bool waits_for_producers(const world& w) {
  return std::ranges::any_of(w.queue.items, [&](const fake_queue::item& i) {
    const auto refused = w.refused_rows.find(i.id);
    return !i.removed && refused != w.refused_rows.end() && !refused->second.names_cause;
  });
}

/// Stops half of the worlds in good order, lets the others crash, and drains what is left.
void quiet_phase(world& w) {
  dice& d = w.random;
  if (d.chance(0.5)) {
    w.stop_all();
    const auto stop_by = w.time.now() + w.chosen.options.stop_max + std::chrono::seconds(10);
    w.step_while([&] { return !w.processes.empty() && w.time.now() < stop_by; });
    if (!w.processes.empty()) throw std::runtime_error("a stop did not end");
  }
  w.crash_all();
  const auto limit = w.time.now() + std::chrono::minutes(40);
  auto next_message = w.time.now();
  while (w.queue.left() > 0 && w.time.now() < limit) {
    if (w.processes.empty()) w.start(true);
    w.step();
    if (w.time.now() < next_message || !waits_for_producers(w)) continue;
    w.put(true);
    // What is left in the queue comes again, and waits each time.
    next_message = w.time.now() + std::chrono::seconds(w.chosen.options.leave_bad ? 1 : 10);
  }
  const auto end_by = w.time.now() + std::chrono::minutes(10);
  w.step_while([&] { return !w.processes.empty() && w.time.now() < end_by; });
  if (!w.processes.empty()) throw std::runtime_error("a drain did not end");
}

/// One process lives through one trouble, and empties the queue after it.
void one_trouble(world& w) {
  w.start(false);
  const auto limit = w.time.now() + std::chrono::hours(2);
  w.step_while([&] { return w.queue.left() > 0 && w.time.now() < limit; });
  w.stop_all();
  w.step_while([&] { return !w.processes.empty() && w.time.now() < limit; });
  if (!w.processes.empty()) throw std::runtime_error("a process did not end after its trouble");
}

}  // namespace

verdict_of_run simulate(std::uint64_t seed, bool changed_table) {
  dice random(seed);
  world w(choose(random, changed_table), random);
  troubles t(w);
  verdict_of_run result;
  try {
    if (w.chosen.of == choices::kind::ordinary) {
      trouble_phase(w);
      t.end();
      quiet_phase(w);
    } else {
      one_trouble(w);
    }
    check(w);
  } catch (const std::exception& e) {
    result.wrong = e.what();
  }
  w.crash_all();  // before the troubles, which they ask
  result.choices = to_line(w.chosen);
  result.messages = w.queue.items.size();
  result.crashes = w.crashes;
  result.faults = t.faults();
  return result;
}

}  // namespace tests
