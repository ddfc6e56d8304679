#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "pipeline/lane.hpp"
#include "support/fake_queue.hpp"
#include "support/fake_sink.hpp"

namespace tests {

/// One lane between a queue and a table in memory. Runs on the test's thread, and ends by itself or by
/// `stop_after`.
struct lane_fixture {
  lane_fixture() : queue(loop.get_executor()), table(queue) {
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

  sluice::result<> run(std::optional<std::chrono::milliseconds> stop_after = std::nullopt) {
    sluice::pipeline::ports ports;
    ports.open_queue = [this]() -> std::unique_ptr<sluice::pipeline::queue> {
      return std::make_unique<fake_connection>(queue);
    };
    ports.open_sink = [this]() -> std::unique_ptr<sluice::pipeline::sink> {
      return std::make_unique<fake_sink>(table);
    };
    lane.emplace(loop.get_executor(), options, ports, sluice::record::reader::make(plan(), nullptr).value(),
                 counters, log);

    std::optional<sluice::result<>> outcome;
    std::exception_ptr broken;
    boost::asio::co_spawn(loop, lane->run(), [&](std::exception_ptr e, sluice::result<> r) {
      broken = e;
      outcome = std::move(r);
    });
    boost::asio::steady_timer stopper(loop);
    if (stop_after) {
      stopper.expires_after(*stop_after);
      stopper.async_wait([&](const boost::system::error_code& e) {
        if (!e) lane->stop();
      });
    }
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!outcome && std::chrono::steady_clock::now() < limit) loop.run_one_for(100ms);
    stopper.cancel();
    REQUIRE(outcome);  // it ended
    REQUIRE_FALSE(broken);
    loop.restart();
    loop.poll();
    return *outcome;
  }

  /// Every message that was deleted had been committed; no row is there twice.
  void check_rule() {
    CHECK(queue.removed_too_early.empty());
    for (const auto& [id, n] : table.rows) CHECK(n == 1);
    for (const auto& item : queue.items) {
      if (item.removed) CHECK(queue.committed.contains(item.id));
    }
  }

  boost::asio::io_context loop{1};
  fake_queue queue;
  fake_table table;
  sluice::pipeline::options options;
  sluice::observe::counters counters;
  sluice::observe::logger log{sluice::observe::log_format::text, sluice::observe::level::error};
  std::optional<sluice::pipeline::lane> lane;
};

}  // namespace tests
