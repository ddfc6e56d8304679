#include "sim/world.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "sim/checks.hpp"
#include "support/keys.hpp"

namespace tests {
namespace {

using namespace sluice;

record::plan one_column(bool by_event) {
  record::plan p;
  p.table = "t";
  p.source_name = "simulation";
  record::column c;
  c.name = "user_id";
  c.type = record::column_type::text;
  c.from = "/user_id";
  p.columns = {c};
  if (by_event) p.business_key = {"/event"};
  return p;
}

}  // namespace

world::world(const choices& c, dice& d) : chosen(c), random(d), table(queue), plan_(one_column(c.by_event)) {
  queue.visibility = c.options.visibility;
  table.bad = c.bad;
  table.with_ledger = c.with_ledger;
  table.by_event = c.by_event;
  table.in_order = c.fifo;
  table.names_line = c.names_line;
  table.sample_has_rival = c.sample_has_rival;
  if (c.upsert) table.key_of = [this](const std::string& id) { return key(id); };
  table.refuses_row = [this](const std::string& id) -> std::optional<row_refusal> {
    const auto why = refused_rows.find(id);
    return why == refused_rows.end() ? std::nullopt : std::optional(why->second);
  };
  for (int i = 0; i < c.messages; ++i) put(!random.chance(c.bad_bodies));
}

void world::put(bool good) {
  // Of events there are about as many as messages, so that some come twice.
  const int event = random.between(1, chosen.messages + 1);
  const std::string group = chosen.fifo ? fmt::format("g{}", random.between(0, 7)) : std::string();
  if (good) {
    const std::string user(static_cast<std::size_t>(random.between(0, 300)), 'u');
    queue.put(fmt::format(R"({{"user_id":"{}","event":{}}})", user, event), group);
    event_of[queue.items.back().id] = event;
    return;
  }
  const auto* const body = random.chance(0.5) ? R"({{"foo":1,"event":{}}})" : R"({{"event":{},"user_id":)";
  queue.put(fmt::format(fmt::runtime(body), event), group);
  bad.insert(queue.items.back().id);
}

void world::refuse(const std::string& id, row_refusal why) {
  bad.insert(id);
  event_of.erase(id);
  refused_rows[id] = std::move(why);
}

std::string world::key(const std::string& id) const {
  return std::to_string(fake_queue::sent_ms_of(id) % 17);
}

void world::start(bool until_empty) {
  pipeline::options o = chosen.options;
  o.until_empty = until_empty;
  o.seed = random.number();
  auto counters = std::make_unique<observe::counters>();
  const std::size_t calls = chosen.calls_max > 0 ? chosen.calls_max : SIZE_MAX;
  auto process = std::make_unique<simulated_process>(queue, table, o, plan_, *counters, log_, test_keys(),
                                                     chosen.lanes, calls);
  processes.push_back({std::move(counters), std::move(process)});
}

void world::step() {
  const pipeline::options& o = chosen.options;
  const auto room = static_cast<std::int64_t>(chosen.lanes * o.segments * o.segment.rows_max);
  for (const auto& [counters, process] : processes) {
    process->step();
    if (counters->held.get() > room) throw std::runtime_error("more is held than the segments have room for");
  }
  const auto before = time.now();
  time.advance();
  steps_at_once_ = time.now() > before ? 0 : steps_at_once_ + 1;
  if (steps_at_once_ > 1'000) throw std::runtime_error("busy loop: timers that end at once, without end");
  std::erase_if(processes, [](const running& p) {
    if (p.process->ended()) check_end(*p.process, *p.counters);
    return p.process->ended();
  });
}

void world::step_while(const std::function<bool()>& condition) {
  while (condition()) step();
}

void world::crash() {
  const auto which = processes.begin() + random.between(0, static_cast<int>(processes.size()) - 1);
  which->process->step(random.between(0, 40));
  which->process.reset();  // before its counters
  processes.erase(which);
  ++crashes;
}

void world::crash_all() {
  for (running& p : processes) p.process.reset();
  processes.clear();
}

void world::stop_all() {
  for (const running& p : processes) p.process->stop();
}

}  // namespace tests
