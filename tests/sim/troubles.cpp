#include "sim/troubles.hpp"

#include <boost/system/errc.hpp>
#include <utility>

namespace tests {

using namespace sluice;

namespace {

constexpr int receives_max = 4;  ///< of a message, when all is well

}  // namespace

troubles::troubles(world& w) : world_(w) {
  switch (w.chosen.of) {
    case choices::kind::ordinary: arm_ordinary(); break;
    case choices::kind::one_outage: arm_outage(); break;
    case choices::kind::changed_table: arm_changed_table(); break;
  }
}

void troubles::end() {
  ill_ = false;
  for (const auto& item : world_.queue.items) received_before_[item.id] = item.receives;
}

void troubles::arm_ordinary() {
  arm_queue();
  arm_table();
  choose_rows();
}

void troubles::arm_queue() {
  fake_queue& q = world_.queue;
  const choices& c = world_.chosen;
  q.trouble = [this, &c](const char*) {
    const bool fails = ill_ && (is_away(queue_away_until_) || world_.random.chance(c.fail));
    return fails ? std::optional(some_failure()) : std::nullopt;
  };
  q.lost_reply = [this, &c](const char*) {
    return ill_ && world_.random.chance(c.lose) ? std::optional(some_failure()) : std::nullopt;
  };
  q.delay = [this](const char*) { return some_delay(); };
  q.deliver_twice = [this, &c] { return ill_ && world_.random.chance(c.twice); };
  q.refuse_removal = [this, &c](const std::string&) { return ill_ && world_.random.chance(c.fail / 2); };
  q.refuses_for_good = world_.random.chance(0.3);
  q.refuse_hiding = [this, &c](const std::string&) {
    return ill_ && world_.random.chance(c.fail / 2) ? std::optional(world_.random.chance(0.5)) : std::nullopt;
  };
  // While servers fail, good messages are received often, too.
  q.is_dead = [this](const fake_queue::item& i) {
    const bool may_die = world_.chosen.options.leave_bad || !world_.bad.contains(i.id);
    return !ill_ && may_die && i.receives >= received_before_[i.id] + receives_max;
  };
}

void troubles::arm_table() {
  fake_table& t = world_.table;
  const choices& c = world_.chosen;
  t.delay = [this] { return some_delay(); };
  t.next_trouble = [this, &c]() -> std::optional<fake_table::trouble> {
    if (!ill_) return std::nullopt;
    if (is_away(table_away_until_) || world_.random.chance(c.fail))
      return fake_table::trouble{some_failure(), fake_table::when::before_commit};
    if (world_.random.chance(c.lose))
      return fake_table::trouble{some_failure(), fake_table::when::after_commit};
    return std::nullopt;
  };
  t.probe_trouble = [this, &c] {
    const bool fails = ill_ && (is_away(table_away_until_) || world_.random.chance(c.fail));
    return fails ? std::optional(some_failure()) : std::nullopt;
  };
  t.refuses_all = [this] { return refuses_all(); };
  const auto is_until = [this](const auto& rows, const std::string& id) {
    const auto until = rows.find(id);
    return ill_ && until != rows.end() && world_.time.now() < until->second;
  };
  t.is_slow = [this, is_until](const std::string& id) { return is_until(too_slow_until_, id); };
  t.is_locked = [this, is_until](const std::string& id) { return is_until(locked_until_, id); };
}

/// Slow to the end, locked for a while, or refused for ever.
void troubles::choose_rows() {
  const choices& c = world_.chosen;
  for (const auto& item : world_.queue.items) {
    if (world_.random.chance(c.slow_rows)) too_slow_until_[item.id] = time_point::max();
    if (world_.random.chance(c.locked_rows))
      locked_until_[item.id] = world_.time.now() + world_.random.ms_between(1, 60'000);
    if (!world_.bad.contains(item.id) && world_.random.chance(c.refused_rows))
      world_.refuse(item.id, some_refusal());
  }
}

/// What one row may meet, and others do not.
row_refusal troubles::some_refusal() {
  switch (world_.random.between(0, 5)) {
    case 0: return {.sqlstate = "23514"};                        // a CHECK
    case 1: return {.sqlstate = "22001"};                        // too long for its column
    case 2: return {.sqlstate = "P0001"};                        // a trigger's RAISE
    case 3: return {.sqlstate = "42P01", .names_cause = false};  // a trigger that misses a table for it
    case 4: return {.sqlstate = "XX000", .names_cause = false};  // an extension that fails on it
    default: return {};                                          // dropped
  }
}

/// What all rows meet at once, whatever they are.
row_refusal troubles::refusal_of_all() {
  if (world_.random.chance(world_.chosen.fatal * 20))  // stops the process: no wait helps
    return {.sqlstate = "42501", .names_cause = false, .needs_row = world_.random.chance(0.5)};
  switch (world_.random.between(0, 2)) {
    case 0: return {.sqlstate = "2200H", .names_cause = false};  // a sequence at its end
    case 1: return {.sqlstate = "23514", .names_cause = false};  // no partition for today
    default: return {.sqlstate = "XX000", .names_cause = false};
  }
}

std::optional<row_refusal> troubles::refuses_all() {
  if (!ill_) return std::nullopt;
  if (world_.time.now() >= refused_until_) {
    if (!world_.random.chance(world_.chosen.refuse_all)) return std::nullopt;
    refused_until_ = world_.time.now() + world_.random.ms_between(1, 30'000);
    refusal_ = refusal_of_all();
  }
  ++faults_;
  return refusal_;
}

/// A failure that the world may answer with, and that is worth another try; seldom one that is not.
failure troubles::some_failure() {
  ++faults_;
  if (world_.random.chance(world_.chosen.fatal)) return {aws_errc::access_denied, "denied"};
  switch (world_.random.between(0, 9)) {
    case 0: return {errc::connection_closed, "closed"};
    case 1: return {errc::timed_out, "timed out"};
    case 2: return {http_status(503), "503"};
    case 3: return {make_error_code(aws_errc::throttled), "throttled"};
    case 4: return {sqlstate("40P01"), "deadlock"};
    case 5: return {sqlstate("57P01"), "shutdown"};
    case 6: return {make_error_code(boost::system::errc::too_many_files_open), "no descriptor"};
    case 7:
      return {make_error_code(boost::system::errc::operation_canceled), "as Asio says for some of these"};
    case 8: return {sqlstate("55P03"), "lock not available"};
    default: return {errc::bad_answer, "nonsense"};
  }
}

/// A server may go away at any call, and then answers nothing for up to two minutes.
bool troubles::is_away(time_point& until) {
  if (world_.random.chance(world_.chosen.outage))
    until = world_.time.now() + world_.random.ms_between(1, 120'000);
  return world_.time.now() < until;
}

/// Real connections have deadlines: nothing takes longer than a minute.
std::chrono::milliseconds troubles::some_delay() {
  if (ill_ && world_.random.chance(world_.chosen.hang)) return std::chrono::milliseconds(60'000);
  return ill_ && world_.random.chance(world_.chosen.slow) ? world_.random.ms_between(0, 5'000)
                                                          : world_.random.ms_between(0, 3);
}

/// One trouble costs a message one receive, and no second: a good message that would be received a third time
/// is in the dead-letter queue, and lost. Nothing else goes wrong.
void troubles::arm_two_receives() {
  world& w = world_;
  w.queue.delay = [this](const char*) { return world_.random.ms_between(0, 3); };
  w.table.delay = [this] { return world_.random.ms_between(0, 3); };
  w.queue.is_dead = [&w](const fake_queue::item& i) { return i.receives >= 2 && !w.bad.contains(i.id); };
}

/// The database is away, and then takes no rows for a while.
void troubles::arm_outage() {
  world& w = world_;
  arm_two_receives();
  const auto begins = w.time.now() + w.random.ms_between(0, 5'000);
  const auto answers = begins + w.random.ms_between(1, 600'000);
  const auto loads =
      answers + (w.random.chance(0.5) ? std::chrono::milliseconds(0) : w.random.ms_between(1, 1'200'000));
  w.table.next_trouble = [this, &w, begins, loads]() -> std::optional<fake_table::trouble> {
    if (w.time.now() < begins || w.time.now() >= loads) return std::nullopt;
    ++faults_;
    return fake_table::trouble{{sqlstate("53100"), "disk full"}, fake_table::when::before_commit};
  };
  w.table.probe_trouble = [&w, begins, answers]() -> std::optional<failure> {
    if (w.time.now() < begins || w.time.now() >= answers) return std::nullopt;
    return failure(errc::connection_closed, "closed");
  };
}

/// A constraint that no message keeps: up to the stop-line they are taken for bad, and none behind it.
void troubles::arm_changed_table() {
  world& w = world_;
  arm_two_receives();
  const auto until = w.time.now() + w.random.ms_between(1'000, 600'000);
  w.table.refuses_all = [this, &w, until]() -> std::optional<row_refusal> {
    if (w.time.now() >= until) return std::nullopt;
    ++faults_;
    return row_refusal{.sqlstate = "23514"};
  };
}

}  // namespace tests
