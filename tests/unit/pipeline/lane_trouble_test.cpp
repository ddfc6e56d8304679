#include <catch2/generators/catch_generators.hpp>

#include "core/byte_budget.hpp"

#include "unit/pipeline/lane_fixture.hpp"

using namespace tests;
using namespace sluice;
using trouble = fake_table::trouble;
using when = fake_table::when;

namespace {

failure gone() {
  return {errc::connection_closed, "the link is gone"};
}

/// The first `n` loads fail like this.
auto first(int n, failure f, when at = when::before_commit) {
  return [n, f, at]() mutable -> std::optional<trouble> {
    if (n-- > 0) return trouble{f, at};
    return std::nullopt;
  };
}

}  // namespace

TEST_CASE("a failed load deletes nothing, is tried again, and says that the outcome is unknown") {
  lane_fixture f;
  f.table.next_trouble = first(3, gone());
  f.put(40);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.table.rows.size() == 40);
  CHECK(f.queue.left() == 0);
  CHECK_FALSE(f.table.unknowns.front());
  CHECK(std::ranges::count(f.table.unknowns, true) >= 1);
}

TEST_CASE("a lost reply to COMMIT does not double a row") {
  lane_fixture f;
  f.table.next_trouble = first(2, gone(), when::after_commit);
  f.put(40);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.table.rows.size() == 40);
  CHECK(f.counters.duplicates.get() > 0);
}

TEST_CASE("a failure that only a person can mend stops the lane, deletes nothing, gives all back") {
  lane_fixture f;
  f.table.next_trouble = first(1'000, failure(sqlstate("42P01"), "table t is missing", "run sluice init-db"));
  f.put(120);
  const auto outcome = f.run();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().fix == "run sluice init-db");
  f.check_rule();
  CHECK(f.table.rows.empty());
  CHECK(f.queue.left() == 120);
  CHECK(f.queue.visible() == 120);
}

TEST_CASE("when the database stays away messages are given back, and come again when it answers") {
  lane_fixture f;
  f.options.hold_max = 30ms;
  int probes = 0;
  bool away = true;
  f.table.next_trouble = [&]() -> std::optional<trouble> {
    if (away) return trouble{gone(), when::before_commit};
    return std::nullopt;
  };
  f.table.probe_trouble = [&]() -> std::optional<failure> {
    if (++probes < 5) return gone();
    away = false;
    return std::nullopt;
  };
  f.put(100);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.given_back >= 10);
  CHECK(f.table.rows.size() == 100);
  CHECK(f.queue.left() == 0);
}

TEST_CASE("a lane that may hold nothing gives messages back at once") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.hold_max = 0ms;
  f.table.next_trouble = first(1'000'000, gone());
  f.table.probe_trouble = [] { return std::optional(gone()); };
  f.put(100);
  std::size_t visible_after_a_second = 0;
  const auto begun = f.time.now();
  f.run_for(1min, [&] {
    if (f.time.now() - begun < 2s) visible_after_a_second = f.queue.visible();
  });
  CHECK(visible_after_a_second == 100);
  CHECK(f.queue.given_back >= 10);
}

TEST_CASE("nothing is received while the database is away") {
  lane_fixture f;
  f.options.until_empty = false;
  f.table.next_trouble = first(1'000'000, gone());
  f.put(5'000);
  CHECK(f.run(300ms));
  f.check_rule();
  CHECK(f.counters.received.get() < 1'000);
  CHECK(f.queue.visible() == 5'000);
}

TEST_CASE("a database that answers and does not load gets single messages, which are held until it does") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.hold_max = 10s;
  const auto disk_free_at = f.time.now() + 10min;
  f.table.next_trouble = [&]() -> std::optional<trouble> {
    if (f.time.now() < disk_free_at) return trouble{failure(sqlstate("53100"), "full"), when::before_commit};
    return std::nullopt;
  };
  f.put(500);
  std::uint64_t received_while_full = 0;
  f.run_for(12min, [&] {
    if (f.time.now() < disk_free_at) received_while_full = f.counters.received.get();
  });
  f.check_rule();
  // All batches once, and what pollers had in hand; then one each ten seconds while there is room.
  CHECK(received_while_full <= 200 + 40 + 4);
  CHECK(received_while_full >= 150 + 4);
  CHECK(f.table.rows.size() == 500);
  CHECK(f.queue.left() == 0);
}

TEST_CASE("that bad messages are set aside does not show that the table takes rows") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.hold_max = 10s;
  f.table.takes_no_rows = failure(sqlstate("55P03"), "locked");
  f.put(0, 1);
  f.put(500);
  f.run_for(10min, [] {});
  f.check_rule();
  CHECK(f.table.set_aside.size() == 1);
  CHECK(f.counters.received.get() <= 200 + 40 + 1 + 2 + 4);  // two are let in when it was set aside
}

TEST_CASE("a message that is too slow is held back, and its neighbours are deleted") {
  lane_fixture f;
  const auto slow_until = f.time.now() + 20s;
  f.put(50);
  const std::string slow = f.queue.items[33].id;
  f.table.is_slow = [&](const std::string& id) { return id == slow && f.time.now() < slow_until; };
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  CHECK(f.table.rows.size() == 50);
  CHECK(f.counters.rows.get() == 50);
  CHECK(f.counters.received.get() == 51);
  CHECK(f.counters.given_back.get() == 0);
  CHECK(f.counters.load_failures.get() == 0);
}

TEST_CASE("of a batch that failed in part the committed messages are deleted, and the others go back") {
  lane_fixture f;
  f.options.hold_max = 10s;
  f.options.until_empty = false;
  f.put(50);
  const auto slow_until = f.time.now() + 3min;
  f.table.is_slow = [&](const std::string& id) {
    return id >= f.queue.items[20].id && f.time.now() < slow_until;
  };
  f.run_for(10min, [] {});
  f.check_rule();
  CHECK(f.queue.left() == 0);
  CHECK(f.table.rows.size() == 50);
  for (const auto& item : f.queue.items) {
    if (item.id < f.queue.items[20].id) CHECK(item.receives == 1);
  }
}

TEST_CASE("in a queue with an order what is behind a slow message waits for it") {
  lane_fixture f;
  f.options.in_order = true;
  f.options.loaders = 1;
  f.options.hold_max = 10s;
  f.table.in_order = true;
  for (int i = 0; i < 50; ++i) f.queue.put(R"({"user_id":"u"})", "group");
  const auto slow_until = f.time.now() + 1min;
  f.table.is_slow = [&](const std::string& id) {
    return id == f.queue.items[33].id && f.time.now() < slow_until;
  };
  f.queue.latency = 5ms;
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  CHECK(f.table.rows.size() == 50);
  CHECK(std::ranges::is_sorted(f.table.taken));
}

TEST_CASE("entries of a delete that SQS did not take are sent again, those alone") {
  lane_fixture f;
  std::map<std::string, int> asked;
  f.queue.refuse_removal = [&](const std::string& id) { return ++asked[id] == 1 && id.back() == '3'; };
  f.put(64);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  for (const auto& [id, n] : asked) CHECK(n == (id.back() == '3' ? 2 : 1));
}

TEST_CASE("a delete that fails for good is absorbed: the message comes again, the row does not") {
  lane_fixture f;  // it comes again after 30 s, when the last try is long over
  std::map<std::string, int> asked;
  f.queue.refuse_removal = [&](const std::string& id) { return ++asked[id] <= 6 && id.back() == '3'; };
  f.put(20);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  CHECK(f.table.rows.size() == 20);
  CHECK(f.counters.delete_failures.get() == 2);
  CHECK(f.counters.duplicates.get() == 2);
}

TEST_CASE("a receive that fails is tried again") {
  lane_fixture f;
  int n = 0;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (std::string_view(call) == "receive" && n++ < 4) return failure(http_status(503), "SQS answered 503");
    return std::nullopt;
  };
  f.put(30);
  CHECK(f.run());
  CHECK(f.table.rows.size() == 30);
  CHECK(f.counters.receive_failures.get() == 4);
}

TEST_CASE("a receive that only a person can mend ends the lane, after what was received is done") {
  lane_fixture f;
  int n = 0;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (std::string_view(call) == "receive" && n++ >= 2)
      return failure(aws_errc::access_denied, "access denied");
    return std::nullopt;
  };
  f.put(100);
  const auto outcome = f.run();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == make_error_code(aws_errc::access_denied));
  f.check_rule();
  CHECK(f.table.rows.size() == 20);
  CHECK(f.queue.left() == 80);
}

TEST_CASE("receiving that fails for too long ends the lane") {
  lane_fixture f;
  f.options.queue_away_max = 100ms;
  f.queue.trouble = [](const char*) -> std::optional<failure> {
    return failure(errc::connection_closed, "closed");
  };
  const auto outcome = f.run();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == make_error_code(errc::connection_closed));
}

TEST_CASE("a stop ends within its limit even if nothing answers") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.stop_max = 300ms;
  f.table.commit_time = 60'000ms;
  f.put(500);
  const auto started = f.time.now();
  CHECK(f.run(100ms));
  CHECK(f.time.now() - started < 2s);
  f.check_rule();
  CHECK(f.table.rows.empty());
  CHECK(f.queue.left() == 500);
  CHECK(f.queue.visible() == 500);
}

TEST_CASE("a queue that throttles is asked by fewer pollers") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.pollers_max = 16;
  f.queue.latency = 20ms;
  f.put(20'000);
  bool throttles = false;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (throttles && std::string_view(call) == "receive")
      return failure(make_error_code(aws_errc::throttled), "slow");
    return std::nullopt;
  };
  const auto begun = f.time.now();
  std::size_t before = 0, meanwhile = 0;
  f.run_for(4s, [&] {
    const auto at = f.time.now() - begun;
    throttles = at > 1s;
    if (!throttles) before = std::max(before, f.queue.receiving);
    if (at > 3s) meanwhile = std::max(meanwhile, f.queue.receiving);
  });
  CHECK(before >= 8);
  CHECK(meanwhile <= 1);
}

TEST_CASE("a body whose digest stays wrong is waited for twice, and then set aside: a drain ends") {
  lane_fixture f;
  f.options.in_order = GENERATE(false, true);
  if (f.options.in_order) f.options.loaders = 1;
  f.options.visibility = f.queue.visibility = std::chrono::seconds(5);
  f.put(30);
  const int before = GENERATE(0, 5);  // for other reasons
  f.queue.items[12].receives = before;
  f.queue.items[12].torn = true;
  const auto started = f.time.now();
  CHECK(f.run());
  CHECK(f.time.now() - started < 1min);
  f.check_rule();
  CHECK(f.table.rows.size() == 29);
  CHECK(f.table.set_aside.size() == 1);
  CHECK(f.table.set_aside[f.queue.items[12].id] == "wrong_digest");
  CHECK(f.queue.items[12].receives == before + 3);
  CHECK(f.queue.left() == 0);
}

TEST_CASE("what a fatal failure gives back is not received again by polls that are in flight") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.poll_grace = 500ms;
  f.options.segment.rows_max = 10;
  f.queue.latency = 3ms;
  f.table.commit_time = 100ms;
  f.table.next_trouble = first(1'000, failure(sqlstate("42P01"), "table t is missing"));
  f.put(20);  // while they are loaded, a poll waits for more
  CHECK_FALSE(f.run());
  f.check_rule();
  CHECK(f.queue.visible() == 20);
  for (const auto& item : f.queue.items) CHECK(item.receives <= 1);
}

TEST_CASE("what a failure gives back waits for the polls of other loops, and for no poll that never ends") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.poll_grace = 500ms;
  f.table.next_trouble = first(1'000, failure(sqlstate("42P01"), "table t is missing"));
  f.put(20);
  const bool ends = GENERATE(true, false);
  f.counters.receiving.add();  // another loop's
  simulated_process process(f.queue, f.table, f.options, lane_fixture::plan(), f.counters, f.log);
  const auto started = f.time.now();
  while (f.time.now() < started + 800ms) f.step(process);
  CHECK(f.queue.visible() == 0);
  if (ends) f.counters.receiving.sub();
  while (!process.ended() && f.time.now() < started + 1min) f.step(process);
  CHECK(f.queue.visible() == 20);
  CHECK(f.time.now() - started < (ends ? 1s : 2s));
}

TEST_CASE("what a stop gives back has the time of a call, not that of a poll") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.segment.rows_max = 10;
  f.table.commit_time = 1'000ms;
  f.queue.delay = [](const char* call) { return std::string_view(call) == "hide" ? 100ms : 1ms; };
  f.put(100);  // more than there are batches for: pollers wait with full hands
  CHECK(f.run(100ms));
  f.check_rule();
  CHECK(f.queue.given_back > 0);
  CHECK(f.queue.left() == 60);
  CHECK(f.queue.visible() == 60);
}

TEST_CASE("a task that throws ends the lane, and nothing of it is touched afterwards") {
  lane_fixture f;
  f.options.until_empty = false;
  int n = 0;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (std::string_view(call) == "receive" && n++ == 1) throw std::runtime_error("thrown by a test");
    return std::nullopt;
  };
  f.put(100);
  const auto outcome = f.run();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().what.ends_with("thrown by a test"));
  CHECK(f.counters.receiving.get() == 0);
  f.check_rule();
}

TEST_CASE("a call that has failed just before the end of a stop is not tried again after it") {
  lane_fixture f;
  f.options.until_empty = false;
  f.queue.closed_with = gone();
  f.queue.delay = [](const char* call) {
    return std::string_view(call) == "remove" ? std::chrono::milliseconds(60'000) : 1ms;
  };
  f.put(10);
  const auto started = f.time.now();
  CHECK(f.run(100ms));
  CHECK(f.time.now() - started < 3s);
  f.check_rule();
}

TEST_CASE("after an answer over the limit all connections of the loop ask for half as many") {
  lane_fixture f;
  f.options.pollers_max = 8;
  f.put(200);
  f.queue.answer_bytes_max = 4 * f.queue.items.front().body.size();
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  CHECK(f.table.rows.size() == 200);
  CHECK(f.queue.too_large >= 2);  // ten, then five
  CHECK(f.queue.too_large <= 2 * f.options.pollers_max);
}

TEST_CASE("an answer that found no memory in time is asked for again, and is no failure of the queue") {
  lane_fixture f;
  f.put(100);
  int left = 3;
  f.queue.lost_reply = [&](const std::string& call) -> std::optional<failure> {
    if (call != "receive" || left == 0) return std::nullopt;
    --left;
    return failure{no_memory(), "an answer waited for memory"};
  };
  CHECK(f.run());
  f.check_rule();
  CHECK(left == 0);
  CHECK(f.table.rows.size() == 100);
  CHECK(f.counters.receive_failures.get() == 0);
  CHECK(f.log.logged(sluice::observe::level::warning) >= 3);
}

TEST_CASE("one message over the limit of an answer ends the lane") {
  lane_fixture f;
  f.put(1);
  f.queue.answer_bytes_max = 1;
  const auto ended = f.run();
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == errc::too_large);
  CHECK(f.queue.left() == 1);
}
