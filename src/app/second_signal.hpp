#pragma once

namespace sluice::app {

/// A second SIGINT or SIGTERM ends the process with 130, in the signal's handler: it needs no thread of ours,
/// whatever they all wait for.
///
/// At once: what is in a transaction is rolled back by PostgreSQL or committed, and the ledger knows; the
/// rest is in the queue. One lives at a time.
class second_signal {
 public:
  second_signal() = default;
  second_signal(const second_signal&) = delete;
  second_signal& operator=(const second_signal&) = delete;
  /// Call it when the handlers that are to hear of the first one are installed: ours passes it on to them.
  void arm() noexcept;
  /// Goes after those handlers. What is left is the end of the process: each signal ends it now.
  ~second_signal();

 private:
  bool armed_ = false;
};

}  // namespace sluice::app
