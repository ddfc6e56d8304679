#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "observe/histogram.hpp"
#include "observe/tally.hpp"

namespace sluice::observe {

/// A count that only grows, bumped by one loop and read by any.
class counter {
 public:
  /// Relaxed: each count stands alone; nothing is published through it.
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A level that goes up and down. Loops add what they take and subtract what they end; `set` is for what one
/// place alone knows.
class gauge {
 public:
  explicit gauge(std::int64_t start = 0) noexcept : value_(start) {}
  void add(std::int64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  void sub(std::int64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
  void operator+=(std::size_t n) noexcept { add(static_cast<std::int64_t>(n)); }
  void operator-=(std::size_t n) noexcept { sub(static_cast<std::int64_t>(n)); }
  void set(std::int64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  std::int64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_;
};

/// What has happened since the start, and what is under way, over all loops. Their names for the outside are
/// in observe/figures.hpp.
struct counters {
  counter received;  ///< messages
  counter receives;  ///< ReceiveMessage calls that were answered
  counter empty_receives;
  counter rows;             ///< committed to the target
  counter set_aside;        ///< messages committed to the quarantine
  counter duplicates;       ///< messages that an earlier commit had taken
  counter deleted;          ///< messages that SQS says are deleted
  counter given_back;       ///< messages made visible again
  counter extended;         ///< messages whose visibility was extended
  counter delete_failures;  ///< messages that could not be deleted (they come again, the ledger knows them)
  counter batches;          ///< transactions committed
  counter claims;           ///< of these, in claim form
  counter receive_failures;
  counter load_failures;
  counter requests;  ///< HTTP requests to SQS, all kinds

  gauge receiving;             ///< ReceiveMessage calls in flight
  gauge held;                  ///< messages received and not yet settled
  gauge segments_used;         ///< batches that hold messages
  gauge loading;               ///< transactions under way
  gauge settling;              ///< deletes, extensions and returns in flight
  gauge database_connections;  ///< open
  gauge databases_away;        ///< loaders that wait for PostgreSQL to answer again
  gauge queues_away;           ///< pollers that wait after a receive that failed
  gauge queue_visible{-1};     ///< what the queue says it holds (approximate); -1: not asked yet
  gauge queue_in_flight{-1};
  gauge queue_delayed{-1};

  histogram receive_time;    ///< receives that brought messages, from call to answer
  histogram batch_age;       ///< from a batch's first message to its load
  histogram load_time;       ///< from the first try to the commit, pauses included
  histogram copy_time;       ///< of this, from BEGIN until COMMIT: ledger and rows
  histogram commit_time;     ///< and COMMIT, from query to answer
  histogram delete_time;     ///< DeleteMessageBatch, from call to answer
  histogram send_to_commit;  ///< of each message, from SQS's SentTimestamp to the commit

  tally set_aside_by_reason;  ///< "missing_field user_id": reason code and column
};

}  // namespace sluice::observe
