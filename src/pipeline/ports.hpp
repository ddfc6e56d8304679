#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "copy/segment.hpp"
#include "core/failure.hpp"
#include "pg/loader.hpp"
#include "pipeline/clock.hpp"
#include "sqs/message.hpp"

namespace sluice::pipeline {

template <class T>
using awaitable = boost::asio::awaitable<T>;
using steady_time = clock::time_point;

/// What the queue says it holds (approximate, as SQS has it).
struct backlog {
  std::uint64_t visible = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t delayed = 0;
};

/// One connection to the queue: one call at a time. `close` ends a call in flight with `errc::cancelled`.
class queue {
 public:
  virtual ~queue() = default;
  /// Up to `messages_max` (1..10) messages, empty when none came within `wait`; `errc::too_large` when those
  /// that came are more bytes than an answer may have; `no_memory()` when others had the memory for answers
  /// for too long: what had come is left, and comes again. Views live until anything else runs on this loop:
  /// use or copy them before you wait.
  virtual awaitable<result<std::span<const sqs::message>>> receive(std::size_t messages_max,
                                                                   std::chrono::seconds wait) = 0;
  /// How long the last answer waited here before it was read: its messages are hidden for as long.
  virtual clock::duration waited() const noexcept { return {}; }
  /// Neither what the last receive brought nor copies of it are needed any more: others may have its memory.
  virtual void release() noexcept {}
  /// At most ten handles each. The answer lists what was not done.
  virtual awaitable<result<std::vector<sqs::batch_failure>>> remove(
      std::span<const std::string_view> handles) = 0;
  virtual awaitable<result<std::vector<sqs::batch_failure>>> hide(std::span<const std::string_view> handles,
                                                                  std::chrono::seconds visibility) = 0;
  virtual awaitable<result<backlog>> depth() = 0;
  virtual void close() noexcept = 0;
};

/// One connection to the database; connects when it must.
class sink {
 public:
  virtual ~sink() = default;
  /// Commits the segment, or a part of it (load_report::more): see pg::load. What is committed or held back
  /// is marked in it.
  virtual awaitable<result<pg::load_report>> load(copy::segment& s, bool outcome_unknown) = 0;
  /// Whether a load could work now: connects if need be.
  virtual awaitable<result<>> probe() = 0;
  virtual void close() noexcept = 0;
};

/// How a loop gets its connections. Called on the loop's thread.
struct ports {
  std::function<std::unique_ptr<queue>()> open_queue;
  std::function<std::unique_ptr<sink>()> open_sink;
  /// There is more than one loop should do alone. Seldom called. May be empty.
  std::function<void()> call_for_help = {};
  /// This loop has failed and stops: so should the others, at once. May be empty.
  std::function<void()> tell_of_failure = {};
};

}  // namespace sluice::pipeline
