#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "copy/segment.hpp"
#include "observe/counters.hpp"
#include "pipeline/ports.hpp"
#include "sqs/client.hpp"

namespace sluice::pipeline {

/// Sends messages that cannot become rows to a queue's dead-letter queue, as they came, with the reason as
/// message attributes: `sluice.reason`, `sluice.column`, `sluice.sqlstate`, `sluice.message_id`.
///
/// One client on one connection, for one caller at a time. On a FIFO queue a message keeps its group, and its
/// id is the deduplication id: what is sent again within five minutes is one message. `counters` outlives it.
class dead_letters {
 public:
  dead_letters(boost::asio::any_io_executor executor, std::shared_ptr<sqs::session> session,
               std::string queue_url, observe::counters& counters);

  /// Those of `messages` that the queue does not take whatever happens: too large for it, say. Ends by
  /// itself: what fails for other reasons is tried a few times.
  awaitable<result<std::vector<std::size_t>>> send(const copy::segment& s, std::vector<std::size_t> messages);
  void close() noexcept { client_.close(); }

 private:
  awaitable<result<std::vector<std::size_t>>> send_ten(const copy::segment& s, std::vector<std::size_t> ten);

  sqs::client client_;
  std::string queue_url_;
  bool fifo_;
  observe::counters& counters_;
};

}  // namespace sluice::pipeline
