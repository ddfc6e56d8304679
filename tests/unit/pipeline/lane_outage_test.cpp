// What an outage of the database costs a message: receives, of which it has few until SQS moves it to the
// dead-letter queue.
#include <catch2/generators/catch_generators.hpp>

#include "unit/pipeline/lane_fixture.hpp"

using namespace tests;
using namespace sluice;
using trouble = fake_table::trouble;
using when = fake_table::when;

namespace {

/// A process of one lane or four, as it is by default, and a database that can be taken away.
struct outage_fixture : lane_fixture {
  outage_fixture() {
    options = pipeline::options{};
    options.segment = {
        .rows_max = 1'000, .row_bytes = 1 << 16, .body_bytes = 1 << 16, .handle_bytes = 1 << 16};
    table.next_trouble = [this]() -> std::optional<trouble> {
      const auto now = time.now();
      if (now < answers_at) return trouble{failure(errc::connection_closed, "closed"), when::before_commit};
      if (now < loads_at) return trouble{failure(sqlstate("53100"), "disk full"), when::before_commit};
      return std::nullopt;
    };
    table.probe_trouble = [this]() -> std::optional<failure> {
      if (time.now() < answers_at) return failure(errc::connection_closed, "closed");
      return std::nullopt;
    };
    queue.latency = 3ms;
  }

  /// Until the queue is empty, or an hour has passed.
  void run_lanes(std::size_t lanes) {
    simulated_process process(queue, table, options, plan(), counters, log, nullptr, lanes);
    const auto until = time.now() + 1h;
    while (queue.left() > 0 && time.now() < until) step(process);
    process.stop();
    while (!process.ended()) step(process);
    CHECK(process.outcome());
    check_rule();
    CHECK(queue.left() == 0);
    CHECK(table.rows.size() == queue.items.size());
  }

  /// Into a FIFO queue, of ten groups in turn.
  void put_groups(int messages) {
    for (int i = 0; i < messages; ++i) queue.put(R"({"user_id":"u"})", "g" + std::to_string(i % 10));
  }

  int most_receives() const {
    return std::ranges::max(queue.items, {}, &fake_queue::item::receives).receives;
  }

  pipeline::steady_time answers_at = time.now();  ///< from then on probes are answered
  pipeline::steady_time loads_at = time.now();    ///< from then on rows are taken
};

}  // namespace

TEST_CASE("an outage longer than messages are held costs each at most one more receive") {
  outage_fixture f;
  const std::size_t lanes = GENERATE(1UL, 4UL);
  const std::size_t messages = GENERATE(3UL, 200UL, 9'000UL);
  f.answers_at = f.loads_at = f.time.now() + 100s;
  f.put(messages);
  f.run_lanes(lanes);
  CHECK(f.most_receives() <= 2);
}

TEST_CASE(
    "a database that answers and takes no rows costs a message one more receive, however long it does") {
  outage_fixture f;
  const std::size_t lanes = GENERATE(1UL, 4UL);
  const std::size_t messages = GENERATE(3UL, 200UL);
  f.answers_at = f.time.now() + 10s;
  f.loads_at = f.time.now() + 20min;
  f.put(messages);
  f.run_lanes(lanes);
  CHECK(f.most_receives() <= 2);
}

TEST_CASE("large messages on trial find a batch each, and are not received again") {
  outage_fixture f;
  f.options.segment.row_bytes = 400;  // room for one of them
  f.answers_at = f.time.now() + 10s;
  f.loads_at = f.time.now() + 40min;
  for (int i = 0; i < 60; ++i) f.queue.put(R"({"user_id":")" + std::string(300, 'u') + R"("})");
  f.run_lanes(GENERATE(1UL, 4UL));
  CHECK(f.most_receives() <= 2);
}

TEST_CASE("messages that come while the database is away are received once") {
  outage_fixture f;
  const std::size_t lanes = GENERATE(1UL, 4UL);
  f.answers_at = f.loads_at = f.time.now() + 100s;
  f.put(3);
  simulated_process process(f.queue, f.table, f.options, lane_fixture::plan(), f.counters, f.log, nullptr,
                            lanes);
  const auto start = f.time.now();
  bool sent = false;
  while (f.queue.left() > 0 && f.time.now() < start + 1h) {
    if (!sent && f.time.now() > start + 50s) {
      f.put(500);
      sent = true;
    }
    f.step(process);
  }
  process.stop();
  while (!process.ended()) f.step(process);
  CHECK(f.queue.left() == 0);
  for (std::size_t i = 3; i < f.queue.items.size(); ++i) CHECK(f.queue.items[i].receives == 1);
}

TEST_CASE("a message that alone cannot be loaded keeps no other group of a FIFO queue waiting") {
  outage_fixture f;
  f.options.in_order = true;
  f.options.loaders = 1;
  f.table.in_order = true;
  f.put_groups(30);
  const std::string locked = f.queue.items.front().id;
  const auto free_at = f.time.now() + 30min;
  f.table.is_slow = [&](const std::string& id) { return id == locked && f.time.now() < free_at; };
  simulated_process process(f.queue, f.table, f.options, lane_fixture::plan(), f.counters, f.log);
  while (f.time.now() < free_at - 1min) f.step(process);
  CHECK(f.table.rows.size() == 27);  // all but the three of its group
  while (f.queue.left() > 0 && f.time.now() < free_at + 1h) f.step(process);
  process.stop();
  while (!process.ended()) f.step(process);
  CHECK(f.table.rows.size() == 30);
  CHECK(f.table.out_of_order() == "");
}

TEST_CASE("a locked message that goes back from its trial takes with it what is behind it in its group") {
  outage_fixture f;
  f.options.in_order = true;
  f.options.loaders = 1;
  f.options.segment.rows_max = 1;
  f.table.in_order = true;
  f.answers_at = f.loads_at = f.time.now() + 100s;
  f.put_groups(60);
  const std::string locked = f.queue.items.front().id;
  const auto free_at = f.time.now() + 30min;
  f.table.is_slow = [&](const std::string& id) { return id == locked && f.time.now() < free_at; };
  f.run_lanes(1);
  CHECK(f.table.out_of_order() == "");
}

TEST_CASE("messages that alone are never loaded keep no good one out, however many come first") {
  outage_fixture f;
  f.put(40);
  // A trigger misses a table for the first: whose fault that is shows when another row is taken.
  f.table.refuses_row = [&f](const std::string& id) -> std::optional<row_refusal> {
    const bool is_bad = f.queue.by_id.at(id) < 30;
    return is_bad ? std::optional(row_refusal{.sqlstate = "42P01", .names_cause = false}) : std::nullopt;
  };
  simulated_process process(f.queue, f.table, f.options, lane_fixture::plan(), f.counters, f.log);
  const auto until = f.time.now() + 2h;
  while (f.queue.left() > 0 && f.time.now() < until) f.step(process);
  process.stop();
  while (!process.ended()) f.step(process);
  CHECK(f.table.rows.size() == 10);
  CHECK(f.table.set_aside.size() == 30);
}
