#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "copy/segment.hpp"
#include "mask/key_ring.hpp"
#include "pipeline/ports.hpp"

namespace sluice::pipeline {

/// A segment and where it is on its way.
struct batch {
  enum class stage { free, filling, sealed, loading, settling };

  explicit batch(copy::segment_options o) : rows(o) {}

  copy::segment rows;
  stage at = stage::free;
  steady_time opened{};   ///< when its first message came
  steady_time hidden{};   ///< since when the first of its messages is hidden
  std::size_t calls = 0;  ///< calls to the queue, waiting or in flight, that refer to its messages
  /// The ring that its first message was masked with: it lives until the batch is committed or given back.
  std::shared_ptr<const mask::key_ring> keys{};
  bool on_trial = false;  ///< received to see whether the database takes rows: held until it is loaded
  bool tried = false;     ///< a load of it has failed, so it may be committed all the same
};

/// The fixed set of batches of one loop: free -> filling (one at most) -> sealed -> loading -> settling ->
/// free.
///
/// Pure: no clock, no waiting. Back-pressure is one rule: when `open` gives null, there is nowhere to put a
/// message.
class batch_pool {
 public:
  batch_pool(std::size_t segments, copy::segment_options o);

  /// The batch that is being filled; takes a free one if none is. Null if there is none.
  batch* open(steady_time now);
  /// Ends filling: later messages go to the next batch. Does nothing when none is being filled, or it is
  /// empty.
  void seal();
  /// The oldest sealed batch, now `loading`; or the one that is being filled, if it has waited for `age_max`.
  /// Null if there is none.
  batch* take(steady_time now, std::chrono::milliseconds age_max);
  /// Behind all others, to be taken again; ends the filling of another. Those with messages of its groups, or
  /// of the groups of those, go with it: no message is loaded before an earlier one of its group. One without
  /// groups is filled on: it may be all that there is room in. (In a queue with an order, what is behind a
  /// slow message waits for it, so that one is left alone.)
  void put_back(batch& b, steady_time now);
  /// The batch that is being filled, if it has a message; else null.
  const batch* filling() const noexcept {
    return filling_ != nullptr && !filling_->rows.empty() ? filling_ : nullptr;
  }
  /// When it will have waited long enough. Meaningless if none is being filled.
  steady_time ripe_at(std::chrono::milliseconds age_max) const noexcept { return filling_->opened + age_max; }
  /// Back to the free ones, empty.
  void release(batch& b);

  /// Batches without a message.
  std::size_t unused() const noexcept {
    return free_ + (filling_ != nullptr && filling_->rows.empty() ? 1 : 0);
  }
  bool has_room() const noexcept { return filling_ != nullptr || free_ > 0; }
  bool idle() const noexcept { return unused() == batches_.size(); }
  std::size_t messages() const noexcept;  ///< in all batches
  std::span<batch> all() noexcept { return batches_; }

 private:
  void fill_on(batch& b, steady_time now);

  std::vector<batch> batches_;
  std::deque<batch*> sealed_;
  batch* filling_ = nullptr;
  std::size_t free_;
};

}  // namespace sluice::pipeline
