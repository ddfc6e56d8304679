#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "pipeline/lane.hpp"
#include "support/fake_queue.hpp"
#include "support/fake_sink.hpp"

namespace tests {

/// The time of this thread's simulation: stands still but for `advance`, which goes to the next timer.
class simulated_time {
 public:
  using clock = sluice::pipeline::clock;
  simulated_time() {
    state_.now = clock::time_point{} + std::chrono::hours(1);
    clock::simulated = &state_;
  }
  ~simulated_time() { clock::simulated = nullptr; }
  simulated_time(const simulated_time&) = delete;
  simulated_time& operator=(const simulated_time&) = delete;

  clock::time_point now() const { return state_.now; }
  /// To when the next timer is due; by a second at most.
  void advance() {
    const auto latest = state_.now + std::chrono::seconds(1);
    while (!state_.due.empty() && state_.due.top() <= state_.now) state_.due.pop();
    state_.now = state_.due.empty() ? latest : std::min(state_.due.top(), latest);
  }

 private:
  clock::simulation state_;
};

/// A lane on a loop of its own, between a queue and a table in memory. Destroying it in the middle is a
/// crash: nothing more of it runs, and only queue and table remain.
class simulated_process {
 public:
  simulated_process(fake_queue& queue, fake_table& table, const sluice::pipeline::options& options,
                    const sluice::record::plan& plan, sluice::observe::counters& counters,
                    sluice::observe::logger& log,
                    std::shared_ptr<const sluice::mask::key_ring> keys = nullptr)
      : loop_(std::make_unique<boost::asio::io_context>(1)) {
    const boost::asio::any_io_executor executor = loop_->get_executor();
    sluice::pipeline::ports ports;
    ports.open_queue = [&queue, executor]() -> std::unique_ptr<sluice::pipeline::queue> {
      return std::make_unique<fake_connection>(queue, executor);
    };
    ports.open_sink = [&table, executor]() -> std::unique_ptr<sluice::pipeline::sink> {
      return std::make_unique<fake_sink>(table, executor);
    };
    lane_ = std::make_unique<sluice::pipeline::lane>(
        executor, options, std::move(ports), sluice::record::reader::make(plan, std::move(keys)).value(),
        counters, log);
    boost::asio::co_spawn(*loop_, lane_->run(), [this](std::exception_ptr e, sluice::result<> r) {
      broken_ = e;
      outcome_ = std::move(r);
    });
  }
  ~simulated_process() { loop_.reset(); }  // the coroutines go before what they refer to

  bool ended() const { return outcome_.has_value() || broken_ != nullptr; }
  const sluice::result<>& outcome() const {
    if (broken_) std::rethrow_exception(broken_);
    return *outcome_;
  }
  sluice::pipeline::lane& lane() { return *lane_; }
  void stop() { lane_->stop(); }

  /// Runs the next few handlers, and leaves the rest: for a crash between any two steps.
  void step(int handlers) {
    loop_->restart();
    while (handlers-- > 0) loop_->poll_one();
  }
  /// Runs all that can run now. A loop that never comes to rest is busy, and a failure.
  void step() {
    constexpr std::size_t handlers_max = 1'000'000;
    std::size_t handlers = 0;
    loop_->restart();
    while (const std::size_t n = loop_->poll()) {
      handlers += n;
      if (handlers > handlers_max)
        throw std::runtime_error("busy loop: time stands still and handlers run on");
      loop_->restart();
    }
  }

 private:
  std::unique_ptr<boost::asio::io_context> loop_;
  std::unique_ptr<sluice::pipeline::lane> lane_;
  std::optional<sluice::result<>> outcome_;
  std::exception_ptr broken_;
};

}  // namespace tests
