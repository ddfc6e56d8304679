#pragma once

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "pipeline/lane.hpp"
#include "support/fake_queue.hpp"
#include "support/fake_sink.hpp"
#include "support/simulated_process.hpp"

namespace tests {

/// One lane between a queue and a table in memory. Runs on the test's thread, and ends by itself or by
/// `stop_after`.
struct lane_fixture {
  lane_fixture() : table(queue) {
    options.until_empty = true;
    options.pollers_max = 4;
    options.ackers = 4;
    options.age_max = 5ms;
    options.poll_grace = 20ms;
    options.stop_max = 2'000ms;
    options.segments = 4;
    options.segment.rows_max = 50;
    options.visibility = std::chrono::seconds(30);
    queue.visibility = options.visibility;
  }

  static sluice::record::plan plan() {
    sluice::record::plan p;
    p.table = "t";
    p.source_name = "test";
    sluice::record::column c;
    c.name = "user_id";
    c.type = sluice::record::column_type::text;
    c.from = "/user_id";
    p.columns = {c};
    return p;
  }

  void put(std::size_t good, std::size_t bad = 0) {
    for (std::size_t i = 0; i < good; ++i) queue.put(R"({"user_id":"u"})");
    for (std::size_t i = 0; i < bad; ++i) queue.put(R"({"foo":1})");
  }

  /// Runs a lane to its end, or until `stop_after`, in simulated time.
  sluice::result<> run(std::optional<std::chrono::milliseconds> stop_after = std::nullopt) {
    simulated_process process(queue, table, options, plan(), counters, log);
    const auto stop_at = time.now() + stop_after.value_or(24h);
    while (!process.ended() && time.now() < stop_at) step(process);
    process.stop();
    const auto limit = time.now() + 1h;
    while (!process.ended() && time.now() < limit) step(process);
    REQUIRE(process.ended());
    return process.outcome();
  }

  /// Runs a lane for as long as that, `each_step` before each of its steps, then stops it.
  void run_for(std::chrono::milliseconds how_long, const std::function<void()>& each_step) {
    simulated_process process(queue, table, options, plan(), counters, log);
    const auto stop_at = time.now() + how_long;
    while (!process.ended() && time.now() < stop_at) {
      each_step();
      step(process);
    }
    process.stop();
    while (!process.ended()) step(process);
    CHECK(process.outcome());
  }

  void step(simulated_process& process) {
    process.step();
    time.advance();
  }

  /// Every message that was deleted had been committed; no row is there twice.
  void check_rule() {
    CHECK(queue.removed_too_early.empty());
    for (const auto& [id, n] : table.rows) CHECK(n == 1);
    for (const auto& item : queue.items) {
      if (item.removed) CHECK(queue.committed.contains(item.id));
    }
  }

  simulated_time time;
  fake_queue queue;
  fake_table table;
  sluice::pipeline::options options;
  sluice::observe::counters counters;
  sluice::observe::logger log{sluice::observe::log_format::text, sluice::observe::level::error};
};

}  // namespace tests
