#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

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

/// A process with its lanes, between a queue and a table in memory. Destroying it in the middle is a crash:
/// nothing more of it runs, and only queue and table remain.
///
/// The lanes share one loop, which stands for a thread each: what they do comes in between each other as it
/// does there, but never at one moment.
class simulated_process {
 public:
  simulated_process(fake_queue& queue, fake_table& table, const sluice::pipeline::options& options,
                    const sluice::record::plan& plan, sluice::observe::counters& counters,
                    sluice::observe::logger& log,
                    std::shared_ptr<const sluice::mask::key_ring> keys = nullptr, std::size_t lanes = 1,
                    std::size_t calls_max = std::numeric_limits<std::size_t>::max())
      : of_queue_{.calls_max = calls_max},
        health_(counters.held, counters.databases_away),
        loop_(std::make_unique<boost::asio::io_context>(1)) {
    const boost::asio::any_io_executor executor = loop_->get_executor();
    for (std::size_t i = 0; i < lanes; ++i) {
      // As in app/run.cpp: at idle one of them looks out for messages.
      const bool looks_out = options.until_empty || i == 0;
      sluice::pipeline::ports ports;
      ports.open_queue = [this, &queue, executor]() -> std::unique_ptr<sluice::pipeline::queue> {
        return std::make_unique<fake_connection>(queue, executor, &of_queue_);
      };
      const auto history = std::make_shared<sluice::pg::load_history>();  // of this loop
      ports.open_sink = [&table, executor, history]() -> std::unique_ptr<sluice::pipeline::sink> {
        return std::make_unique<fake_sink>(table, executor, history);
      };
      if (looks_out && lanes > 1) {
        ports.call_for_help = [this] {
          for (const auto& lane : lanes_) boost::asio::post(*loop_, [help = lane.get()] { help->help(); });
        };
      }
      ports.tell_of_failure = [this] { stop(); };
      sluice::pipeline::options o = options;
      o.seed += i * 1'000;
      if (!looks_out) o.pollers_min = 0;
      lanes_.push_back(std::make_unique<sluice::pipeline::lane>(
          executor, o, std::move(ports), sluice::record::reader::make(plan, keys).value(), health_, counters,
          log));
    }
    for (const auto& lane : lanes_) {
      boost::asio::co_spawn(*loop_, lane->run(), [this](std::exception_ptr e, sluice::result<> r) {
        ++ended_;
        if (e) broken_ = e;
        if (!r && outcome_) outcome_ = std::move(r);
      });
    }
  }
  ~simulated_process() { loop_.reset(); }  // the coroutines go before what they refer to

  bool ended() const { return ended_ == lanes_.size() || broken_ != nullptr; }
  /// Of the first lane that failed, if one did.
  const sluice::result<>& outcome() const {
    if (broken_) std::rethrow_exception(broken_);
    return outcome_;
  }
  const fake_process& of_queue() const { return of_queue_; }
  sluice::pipeline::lane& lane() { return *lanes_.front(); }
  void stop() {
    for (const auto& lane : lanes_) lane->stop();
  }

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
  fake_process of_queue_;
  sluice::pipeline::database_health health_;
  std::unique_ptr<boost::asio::io_context> loop_;
  std::vector<std::unique_ptr<sluice::pipeline::lane>> lanes_;
  std::size_t ended_ = 0;
  sluice::result<> outcome_;
  std::exception_ptr broken_;
};

}  // namespace tests
