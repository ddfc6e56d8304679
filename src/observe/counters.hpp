#pragma once

#include <atomic>
#include <cstdint>

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

/// What has happened since the start, over all loops.
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
};

}  // namespace sluice::observe
