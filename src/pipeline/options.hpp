#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "copy/segment.hpp"

namespace sluice::pipeline {

/// How one loop works. The defaults are those of the program.
struct options {
  copy::segment_options segment;
  std::size_t segments = 6;               ///< all the memory that batches ever use
  std::chrono::milliseconds age_max{50};  ///< a batch that has waited this long is loaded, full or not
  std::size_t receive_max = 10;           ///< messages that one receive may bring: 1..10
  std::size_t message_bytes_max = 0;      ///< of one body, as the queue has it; 0: not known
  std::size_t answer_bytes_max = std::size_t{8} << 20;  ///< of the bodies in all answers to receives
  std::size_t pollers_min = 1;                          ///< 0: receives nothing until `lane::help`
  std::size_t pollers_max = 512;
  std::size_t loaders = 2;                     ///< database connections: one commits while another copies
  std::size_t ackers = 512;                    ///< DeleteMessageBatch calls in flight, at most
  std::chrono::seconds wait{20};               ///< long poll
  std::chrono::seconds visibility{30};         ///< what a received message gets: the queue's setting
  std::chrono::milliseconds hold_max{60'000};  ///< how long messages are held while the database is away
  std::chrono::milliseconds queue_away_max{300'000};  ///< how long receiving may fail before that is the end
  std::chrono::milliseconds poll_grace{500};  ///< at stop: how long a poll in flight may still bring messages
  std::chrono::milliseconds stop_max{
      25'000};               ///< at stop: the longest; from 4/5 on, what is not committed is given back
  bool leave_bad = false;    ///< messages that cannot become rows stay in the queue: only rows are deleted
  bool in_order = false;     ///< FIFO: when a batch goes back, so does all that came after it; one loader
  bool until_empty = false;  ///< drain: end when the queue is empty
  std::uint64_t seed = 0;    ///< of the jitter in back-offs
};

}  // namespace sluice::pipeline
