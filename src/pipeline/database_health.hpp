#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "observe/counters.hpp"

namespace sluice::pipeline {

/// Whether the database takes rows, as all loops of a process know it together.
///
/// SQS gives a message few receives until it moves it to the dead-letter queue, so an outage may cost a
/// message one receive more, and no second. From the first load that fails until rows are taken no loop
/// receives. Where messages were held for too long and went back, that the database answers is not enough:
/// its disk may be full, or the table locked. Then one message is received, on trial: it is held until it is
/// loaded, however long that takes. One more comes each time when one on trial was held for too long, as the
/// trouble may be its own; and twice as many with each load that brings rows, up to `trial_max`.
///
/// Decides, and neither waits nor reads a clock. Owned by the process, outlives its lanes; any thread may
/// call it.
class database_health {
 public:
  using time = std::chrono::steady_clock::time_point;
  enum class state {
    trusted,  ///< receive
    away,     ///< receive nothing
    trial,    ///< receive a few messages, and hold these until they are loaded
  };
  /// What becomes of a batch that was not loaded for as long as messages are held.
  enum class next {
    give_back,            ///< it alone: others are loaded meanwhile
    give_back_and_probe,  ///< with all that waits; then wait for an answer of the database
    keep,                 ///< it is on trial: try it again when others have been tried
  };
  static constexpr std::size_t trial_max = 1'024;  ///< more messages than this at once need no trial
  /// That loads are committed without a row, as all was known or bad, lets in no more than this.
  static constexpr std::size_t rowless_max = 10;

  /// Of all loops: messages that are held, and batches whose load has failed. Both outlive it.
  database_health(observe::gauge& held, observe::gauge& failing) : held_(held), failing_(failing) {}

  state now() const noexcept { return state_.load(std::memory_order_relaxed); }
  bool trusted() const noexcept { return now() == state::trusted; }
  /// Loads that brought rows so far. Who loads looks before, and tells `failed`.
  std::uint64_t proofs() const noexcept { return proofs_.load(std::memory_order_relaxed); }
  /// Messages that may be received now, while it is not trusted.
  std::size_t room() const;
  /// For how long each load has failed. Zero where the last was committed.
  std::chrono::steady_clock::duration failing_for(time now) const;

  /// A load failed, before which there were so many proofs. If there are more by now, others are loaded, and
  /// it is the batch's own trouble.
  void failed(std::uint64_t proofs_before, time now);
  /// A load was committed, with so many rows.
  void loaded(std::size_t rows);
  /// A batch failed for as long as messages are held.
  next gave_up(bool on_trial);
  /// The database has answered a probe.
  void answered();

  /// A batch whose load has failed, until it is loaded or given up.
  class trouble {
   public:
    explicit trouble(database_health& of) : of_(of) { of_.failing_.add(); }
    trouble(const trouble&) = delete;
    trouble& operator=(const trouble&) = delete;
    ~trouble() { of_.ended(); }

   private:
    database_health& of_;
  };

  /// The right to receive so many messages. Those that came are held when it ends.
  class permit {
   public:
    permit() = default;
    permit(const permit&) = delete;
    permit& operator=(const permit&) = delete;
    ~permit() { release(); }
    std::size_t messages() const noexcept { return messages_; }
    /// These messages are to show whether the database takes rows.
    bool on_trial() const noexcept { return of_ != nullptr; }
    /// Up to `most` messages, or 0 when none may be received.
    void take(database_health& of, std::size_t most);
    void release();

   private:
    database_health* of_ = nullptr;  ///< where it is counted; null: it is not
    std::size_t messages_ = 0;
  };

 private:
  void ended();
  void begin_trial();
  std::size_t room_locked() const noexcept;

  observe::gauge& held_;
  observe::gauge& failing_;
  /// Written under `mutex_`, read without: a receive that is late by one look does no harm.
  std::atomic<state> state_{state::trusted};
  std::atomic<std::uint64_t> proofs_{0};
  mutable std::mutex mutex_;   ///< guards what follows; taken once for a load, or a receive while not trusted
  std::size_t allowed_ = 0;    ///< on trial: messages that may be held
  std::size_t permitted_ = 0;  ///< of these, receives under way
  std::uint64_t trial_began_ = 0;  ///< with so many proofs
  bool given_back_ = false;        ///< since it was trusted
  std::optional<time> failing_since_;
};

}  // namespace sluice::pipeline
