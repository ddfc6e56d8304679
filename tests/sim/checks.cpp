#include "sim/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "pg/load_history.hpp"

namespace tests {
namespace {

using namespace sluice;

template <class... Args>
[[noreturn]] void wrong(fmt::format_string<Args...> text, Args&&... args) {
  throw std::runtime_error(fmt::format(text, std::forward<Args>(args)...));
}

bool is_taken_for_bad(const world& w, const std::string& id) {
  // In front of the stop-line it cannot be told from a bad one.
  return w.chosen.of == choices::kind::changed_table && w.table.set_aside.contains(id);
}

/// What is left in the queue comes again, and where its rows are refused without a cause it may be all that a
/// process begins with: that ends, and the next begins so, too. A message that comes along, as its delete has
/// failed, may die then. Its row is there, once.
bool may_die_loaded(const world& w) {
  return w.chosen.options.leave_bad && w.chosen.with_ledger && !w.refused_rows.empty();
}

void check_message(const world& w, const std::string& id) {
  const fake_table& t = w.table;
  const bool is_bad = w.bad.contains(id) || is_taken_for_bad(w, id);
  const auto row = t.rows.find(id);
  const int rows = row == t.rows.end() ? 0 : row->second;
  const bool aside = t.set_aside.contains(id), repeats = t.repeats.contains(id);
  const bool sent = t.letters.contains(id), dead = w.queue.dead.contains(id);
  const bool leave = t.bad == pg::bad_messages::leave;
  const bool once = t.with_ledger ? rows + (repeats ? 1 : 0) == 1 : rows >= 1;
  const bool is_kept = aside != leave && dead == leave && sent == (t.bad == pg::bad_messages::dlq);
  // Of one that only the table refuses the event may be known: then it is tried no more.
  const bool is_known = repeats && w.refused_rows.contains(id) && !aside && !dead;
  const bool right =
      is_bad ? rows == 0 && (is_kept || is_known) : once && !aside && !sent && (!dead || may_die_loaded(w));
  if (right) return;
  const auto refused = w.refused_rows.find(id);
  wrong("{} message {}: {} rows, {} set aside, {} sent, {} dead{}", is_bad ? "bad" : "good", id, rows, aside,
        sent, dead, refused == w.refused_rows.end() ? "" : ", refused with " + refused->second.sqlstate);
}

/// Each event of a good message has one row.
void check_events(const world& w) {
  std::map<int, int> rows;
  for (const auto& [id, event] : w.event_of) rows[event] += w.table.rows.contains(id) ? 1 : 0;
  for (const auto& [event, n] : rows) {
    // Where good messages were taken for bad, so may be all of an event's.
    if (n != 1 && (n > 1 || w.chosen.of != choices::kind::changed_table))
      wrong("event {} has {} rows", event, n);
  }
}

void check_order(const world& w) {
  const std::string found = w.table.out_of_order();
  if (!found.empty()) wrong("{}", found);
}

void check_newest(const world& w) {
  std::map<std::string, std::string> newest;
  for (const auto& item : w.queue.items) {
    if (w.table.rows.contains(item.id)) newest[w.key(item.id)] = item.id;
  }
  for (const auto& [key, id] : newest) {
    if (w.table.newest.at(key).second != id)
      wrong("key {} has {}, not {}", key, w.table.newest.at(key).second, id);
  }
}

void check_stop_line(const world& w) {
  std::size_t good = 0;
  for (const auto& [id, why] : w.table.set_aside) good += w.bad.contains(id) ? 0U : 1U;
  if (good > pg::load_history::refusals_max) wrong("{} messages were set aside behind the stop-line", good);
}

}  // namespace

void check_end(const simulated_process& p, const observe::counters& c) {
  static_cast<void>(p.outcome());  // a broken promise is thrown here
  const std::pair<std::string_view, const observe::gauge&> levels[] = {
      {"held", c.held},
      {"segments_used", c.segments_used},
      {"receiving", c.receiving},
      {"loading", c.loading},
      {"settling", c.settling},
      {"databases_away", c.databases_away},
      {"queues_away", c.queues_away},
  };
  for (const auto& [name, level] : levels) {
    if (level.get() != 0) wrong("{} is {} at the end", name, level.get());
  }
  if (c.deleted.get() != p.of_queue().told_removed)
    wrong("{} messages were counted as deleted, and {} were", c.deleted.get(), p.of_queue().told_removed);
}

void check(const world& w) {
  if (w.queue.left() > 0) wrong("{} messages were left in the queue", w.queue.left());
  if (!w.queue.removed_too_early.empty())
    wrong("deleted before its commit: {}", w.queue.removed_too_early.front());
  for (const auto& item : w.queue.items) check_message(w, item.id);
  const fake_table& t = w.table;
  const auto is_loaded = [&](const std::string& id) { return t.rows.contains(id) || t.repeats.contains(id); };
  const auto dead =
      w.queue.dead.size() - static_cast<std::size_t>(std::ranges::count_if(w.queue.dead, is_loaded));
  if (t.rows.size() + t.repeats.size() + t.set_aside.size() + dead != w.queue.items.size())
    wrong("there are rows of no message");
  if (t.by_event) check_events(w);
  if (w.chosen.fifo) check_order(w);
  if (t.key_of) check_newest(w);
  check_stop_line(w);
}

}  // namespace tests
