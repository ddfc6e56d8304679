#include "unit/pipeline/lane_fixture.hpp"

using namespace tests;
using namespace sluice;

TEST_CASE("every good message becomes one row, every bad one is set aside, all are deleted") {
  lane_fixture f;
  f.put(500, 7);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.table.rows.size() == 500);
  CHECK(f.table.set_aside.size() == 7);
  CHECK(f.queue.left() == 0);
  CHECK(f.counters.rows.get() == 500);
  CHECK(f.counters.set_aside.get() == 7);
  CHECK(f.counters.deleted.get() == 507);
  CHECK(f.counters.set_aside_by_reason.read().at("missing_field user_id") == 7);
}

TEST_CASE("an empty queue is drained at once") {
  lane_fixture f;
  CHECK(f.run());
  CHECK(f.table.batch_sizes.empty());
}

TEST_CASE("a batch is loaded by age before it is full") {
  lane_fixture f;
  f.put(3);
  CHECK(f.run());
  CHECK(f.table.batch_sizes == std::vector<std::size_t>{3});
}

TEST_CASE("no batch is larger than its limit") {
  lane_fixture f;
  f.put(500);
  f.table.commit_time = 20ms;
  CHECK(f.run());
  for (const std::size_t n : f.table.batch_sizes) CHECK(n <= f.options.segment.rows_max);
  CHECK(f.table.rows.size() == 500);
}

TEST_CASE("batches are small and soon at a low rate, and full at a high one") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.pollers_max = 64;
  f.queue.latency = 1ms;
  auto next = f.time.now();
  f.run_for(2'000ms, [&] {
    for (; f.time.now() >= next; next += 10ms) f.put(1);
  });
  CHECK(f.table.batch_sizes.size() > 100);
  CHECK(std::ranges::max(f.table.batch_sizes) <= 3);

  f.table.batch_sizes.clear();
  f.options.until_empty = true;
  f.put(5'000);
  CHECK(f.run());
  CHECK(f.table.batch_sizes.size() <= 5'000 / f.options.segment.rows_max + 5);
}

TEST_CASE("when every batch is taken, nothing is received until one is free") {
  lane_fixture f;
  f.options.loaders = 1;
  f.options.segments = 2;
  f.options.segment.rows_max = 10;
  f.options.until_empty = false;
  f.table.commit_time = 10'000ms;
  f.options.stop_max = 200ms;
  f.put(500);
  CHECK(f.run(300ms));
  f.check_rule();
  // Two batches of ten, and ten in the hands of each poller that was already receiving.
  CHECK(f.counters.received.get() <= 20 + f.options.pollers_max * 10);
  CHECK(f.table.rows.empty());
}

TEST_CASE("a message that is larger than a segment is loaded all the same") {
  lane_fixture f;
  f.options.segment.row_bytes = 1'000;
  f.options.segment.body_bytes = 1'000;
  f.queue.put(R"({"user_id":")" + std::string(100'000, 'x') + R"("})");
  f.put(20);
  CHECK(f.run());
  CHECK(f.table.rows.size() == 21);
}

TEST_CASE("at idle one poll at a time is in flight") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.wait = std::chrono::seconds(1);
  CHECK(f.run(150ms));
  CHECK(f.queue.most_receives_at_once == 1);
}

TEST_CASE(
    "a loop without pollers of its own receives when it is called to help, until there is nothing more") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.pollers_min = 0;
  f.queue.latency = 5ms;
  f.put(500);
  simulated_process process(f.queue, f.table, f.options, f.plan(), f.counters, f.log);
  const auto pass = [&](std::chrono::milliseconds time) {
    for (const auto until = f.time.now() + time; f.time.now() < until;) f.step(process);
  };
  pass(10'000ms);
  CHECK(f.queue.most_receives_at_once == 0);

  process.lane().help();
  pass(10'000ms);
  CHECK(f.table.rows.size() == 500);
  CHECK(f.queue.left() == 0);
  const auto receives = f.counters.receives.get();
  pass(60'000ms);
  CHECK(f.counters.receives.get() == receives);
  CHECK_FALSE(process.ended());

  process.stop();
  pass(1'000ms);
  REQUIRE(process.ended());
  CHECK(process.outcome());
}

TEST_CASE("full replies bring more pollers") {
  lane_fixture f;
  f.queue.latency = 5ms;
  f.put(1'000);
  CHECK(f.run());
  CHECK(f.queue.most_receives_at_once == f.options.pollers_max);
}

TEST_CASE("large bodies have few pollers: what waits in replies is bounded in bytes") {
  lane_fixture f;
  f.options.pollers_max = 64;
  f.queue.latency = 20ms;
  for (int i = 0; i < 640; ++i)
    f.queue.put(R"({"user_id":"u","more":")" + std::string(200'000, 'x') + R"("})");
  CHECK(f.run());
  f.check_rule();
  CHECK(f.table.rows.size() == 640);
  CHECK(f.queue.most_receives_at_once == 4);  // of ten bodies of 200 kB each, in 8 MiB
}

TEST_CASE("until bodies have come, they are taken for the largest that the queue may hold") {
  lane_fixture f;
  f.options.pollers_min = 8;
  f.options.pollers_max = 64;
  f.options.message_bytes_max = 1'000'000;
  f.options.answer_bytes_max = 21'000'000;
  f.queue.latency = 20ms;
  f.options.until_empty = false;
  f.put(2'000);
  std::size_t most_at_first = 0;
  f.run_for(2'000ms, [&] {
    if (f.counters.received.get() == 0) most_at_first = f.queue.most_receives_at_once;
  });
  CHECK(most_at_first == 2);
  CHECK(f.queue.most_receives_at_once > 8);
  CHECK(f.table.rows.size() == 2'000);
}

TEST_CASE("the memory of an answer is given back when its messages have a place, or went back") {
  lane_fixture f;
  f.put(500, 3);
  CHECK(f.run());
  CHECK(f.queue.holding == 0);
  f.check_rule();
}

TEST_CASE("after a burst a trickle is received by one poll at a time") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.pollers_max = 64;
  f.options.segments = 40;
  f.queue.latency = 5ms;
  f.put(5'000);
  const auto trickle = f.time.now() + 5s;
  auto next = trickle;
  std::size_t most_in_burst = 0;
  f.run_for(15'000ms, [&] {
    if (f.time.now() < next) return;
    if (next == trickle) most_in_burst = std::exchange(f.queue.most_receives_at_once, 0);
    next += 50ms;
    f.put(1);
  });
  CHECK(most_in_burst > 16);
  CHECK(f.queue.most_receives_at_once == 1);
}

TEST_CASE("a stop in the middle deletes what was committed and loses nothing") {
  lane_fixture f;
  f.options.until_empty = false;
  f.queue.latency = 3ms;
  f.table.commit_time = 5ms;
  f.put(5'000);
  CHECK(f.run(60ms));
  f.check_rule();
  const auto first = f.table.rows.size();
  CHECK(first > 0);
  CHECK(first < 5'000);
  CHECK(f.queue.left() == 5'000 - first);  // each committed message was deleted before the end

  for (auto& item : f.queue.items) item.hidden_until = {};
  f.queue.latency = 0ms;
  f.table.commit_time = 0ms;
  f.options.until_empty = true;
  CHECK(f.run());
  f.check_rule();
  CHECK(f.table.rows.size() == 5'000);
  CHECK(f.queue.left() == 0);
}

TEST_CASE("what comes at the end of a long poll has all its visibility before it") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.wait = std::chrono::seconds(20);
  f.table.commit_time = 2'000ms;
  const auto late = f.time.now() + 18s;
  bool sent = false;
  f.run_for(25'000ms, [&] {
    if (f.time.now() >= late && !std::exchange(sent, true)) f.put(5);
  });
  CHECK(f.queue.extended == 0);
  CHECK(f.table.rows.size() == 5);
}

TEST_CASE("what takes longer than half of its visibility is kept hidden") {
  lane_fixture f;
  f.options.visibility = std::chrono::seconds(2);
  f.queue.visibility = f.options.visibility;
  f.table.commit_time = 2'500ms;
  f.put(20);
  CHECK(f.run());
  f.check_rule();
  CHECK(f.queue.extended >= 20);
  for (const auto& item : f.queue.items) CHECK(item.receives == 1);
}

TEST_CASE("a message is never hidden for longer than twelve hours, which SQS would refuse") {
  lane_fixture f;
  f.options.until_empty = false;
  f.options.visibility = f.queue.visibility = std::chrono::seconds(3'600);
  f.options.stop_max = 5min;
  f.options.wait = std::chrono::seconds(0);
  f.queue.delay = [](const char* call) { return std::string_view(call) == "receive" ? 60'000ms : 1ms; };
  f.table.commit_time = 14h;
  f.options.segments = f.options.loaders = 1;
  f.options.segment.rows_max = 3;  // so that two wait for a place
  f.put(5);
  const auto received = f.time.now() + 1min;
  auto latest = received;
  f.run_for(13h, [&] {
    for (const auto& item : f.queue.items) {
      if (item.receives == 1) latest = std::max(latest, item.hidden_until);  // later it has come again
    }
  });
  CHECK(latest - received > 11h);
  CHECK(latest - received <= 12h);
  f.check_rule();
}
