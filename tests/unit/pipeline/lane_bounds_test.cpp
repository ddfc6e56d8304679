// That nothing ends uncounted, and nothing spins or waits without an end.
#include <boost/system/errc.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "unit/pipeline/lane_fixture.hpp"

using namespace tests;
using namespace sluice;
using trouble = fake_table::trouble;
using when = fake_table::when;

namespace {

failure link_lost() {
  return {errc::connection_closed, "the link is gone"};
}

bool is(const char* call, std::string_view name) {
  return std::string_view(call) == name;
}

}  // namespace

TEST_CASE("a delete that ends as Asio's operation_aborted, or finds no descriptor, is tried again") {
  lane_fixture f;
  const auto code =
      GENERATE(boost::system::errc::operation_canceled, boost::system::errc::too_many_files_open);
  int n = 0;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (is(call, "remove") && n++ < 3) return failure(make_error_code(code), "connect");
    return std::nullopt;
  };
  f.put(40);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);
  for (const auto& item : f.queue.items) CHECK(item.receives == 1);
  CHECK(f.counters.deleted.get() == 40);
}

TEST_CASE("a receive that ends as operation_aborted is paced, and is no stop") {
  lane_fixture f;
  const auto code =
      GENERATE(boost::system::errc::operation_canceled, boost::system::errc::too_many_files_open);
  f.options.until_empty = false;
  f.put(10);
  const auto begun = f.time.now();
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    if (is(call, "receive") && f.time.now() < begun + 30s) return failure(make_error_code(code), "connect");
    return std::nullopt;
  };
  f.run_for(1min, [] {});
  CHECK(f.table.rows.size() == 10);
  CHECK(f.counters.receive_failures.get() > 5);
  CHECK(f.counters.receive_failures.get() < 200);
}

TEST_CASE("a delete that the queue refuses for good is counted") {
  lane_fixture f;
  std::map<std::string, int> asked;
  f.queue.refuses_for_good = true;
  f.queue.refuse_removal = [&](const std::string& id) { return ++asked[id] == 1; };
  f.put(20);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.left() == 0);  // they came again, and were known
  CHECK(f.counters.delete_failures.get() == 20);
  CHECK(f.counters.duplicates.get() == 20);
}

TEST_CASE("an entry whose extension has failed is extended soon after, before it comes again") {
  lane_fixture f;
  f.options.until_empty = false;
  f.table.commit_time = 60s;
  f.put(20);
  const auto begun = f.time.now();
  f.queue.refuse_hiding = [&](const std::string& id) -> std::optional<bool> {
    if (id.back() == '3' && f.time.now() < begun + 20s) return false;
    return std::nullopt;
  };
  f.run_for(90s, [] {});
  CHECK(f.queue.left() == 0);
  for (const auto& item : f.queue.items) CHECK(item.receives == 1);
}

TEST_CASE("an entry whose extension is refused for good is not asked for again and again") {
  lane_fixture f;
  f.options.until_empty = false;
  f.table.commit_time = 25s;
  f.put(10);
  std::size_t refused = 0;
  f.queue.refuse_hiding = [&](const std::string&) -> std::optional<bool> {
    ++refused;
    return true;
  };
  f.run_for(29s, [] {});
  CHECK(refused == 10);
  CHECK(f.queue.left() == 0);
}

TEST_CASE("a drain does not take one reading of the queue's counts for its end") {
  lane_fixture f;
  f.put(1);
  f.queue.items[0].hidden_until = f.time.now() + 8s;  // another consumer has it, and will give it back
  int readings = 0;
  f.queue.counts = [&]() -> std::optional<pipeline::backlog> {
    if (++readings == 1) return pipeline::backlog{};  // it lags
    return std::nullopt;
  };
  CHECK(f.run());
  CHECK(f.table.rows.size() == 1);
  CHECK(readings >= 3);
}

TEST_CASE("a drain never polls without a wait") {
  lane_fixture f;
  f.options.wait = 0s;
  f.put(20);
  const auto begun = f.time.now();
  CHECK(f.run());
  CHECK(f.queue.left() == 0);
  CHECK(f.queue.receives < 20);
  CHECK(f.time.now() - begun < 10s);
}

TEST_CASE("a drain whose database stays away ends after queue_away_max") {
  lane_fixture f;
  f.options.hold_max = 10s;
  f.options.queue_away_max = 5min;
  const bool answers = GENERATE(true, false);  // and takes no rows
  f.table.next_trouble = [] { return std::optional(trouble{link_lost(), when::before_commit}); };
  f.table.probe_trouble = [&] { return answers ? std::nullopt : std::optional(link_lost()); };
  f.put(100);
  const auto begun = f.time.now();
  const auto outcome = f.run(1h);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == errc::connection_closed);
  CHECK(f.time.now() - begun < 6min);
  CHECK(f.queue.visible() == 100);
}

TEST_CASE("a drain whose queue does not say what it holds ends after queue_away_max") {
  lane_fixture f;
  f.options.queue_away_max = 1min;
  f.queue.trouble = [](const char* call) {
    return is(call, "depth") ? std::optional(link_lost()) : std::nullopt;
  };
  const auto begun = f.time.now();
  CHECK_FALSE(f.run(1h));
  CHECK(f.time.now() - begun < 2min);
}

TEST_CASE("an empty answer that comes sooner than was asked is paced") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.wait = GENERATE(0s, 20s);
  f.queue.ignores_wait = true;
  f.queue.latency = 1ms;
  f.run_for(1min, [] {});
  CHECK(f.queue.receives < 80);
  CHECK(f.queue.receives > 50);
}

TEST_CASE("time in which nothing is received is not of the time for which receiving may fail") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.queue_away_max = 25s;
  f.options.hold_max = 2min;
  f.options.pollers_max = 1;  // another that is answered would begin the time anew
  const auto begun = f.time.now();
  f.put(5);
  // SQS fails for ten seconds, and once more when the database is back.
  bool once_more = true;
  f.queue.trouble = [&](const char* call) -> std::optional<failure> {
    const auto at = f.time.now() - begun;
    if (!is(call, "receive") || at < 1s) return std::nullopt;
    if (at < 10s || (at > 40s && std::exchange(once_more, false))) return link_lost();
    return std::nullopt;
  };
  f.queue.latency = 10ms;
  f.table.delay = [&] { return f.time.now() - begun < 5s ? 5s : 1ms; };
  f.table.next_trouble = [&]() -> std::optional<trouble> {
    if (f.time.now() - begun < 60s) return trouble{link_lost(), when::before_commit};
    return std::nullopt;
  };
  f.run_for(2min, [&] {
    if (f.time.now() - begun > 50s && f.queue.items.size() == 5) f.put(5);
  });
  CHECK_FALSE(once_more);
  CHECK(f.table.rows.size() == 10);
}

TEST_CASE("a poller that fails while others are answered does not end the lane") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.queue_away_max = 10s;
  f.options.pollers_min = 2;
  f.options.wait = 1s;
  std::size_t n = 0;
  f.queue.trouble = [&](const char* call) {
    return is(call, "receive") && n++ % 2 == 0 ? std::optional(link_lost()) : std::nullopt;
  };
  f.run_for(2min, [] {});
  CHECK(f.counters.receive_failures.get() > 20);
}
