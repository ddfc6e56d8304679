#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "app/config.hpp"
#include "app/context.hpp"
#include "observe/log.hpp"
#include "pg/connection.hpp"
#include "pipeline/signal.hpp"
#include "sqs/client.hpp"

namespace sluice::app {

using queue_attributes = std::map<std::string, std::string>;

/// The dead-letter queue whose messages are those of the queue at `url`, with their ids and times; empty if
/// there is none. It is in the same account and region. (A FIFO queue gives its dead letters a new time.)
std::string dead_letters_of(std::string_view url, const queue_attributes& queue);

/// For how long messages of the queue at `url` may be delivered, from there or from its dead-letter queue,
/// whose attributes are `letters`: by the greater MessageRetentionPeriod. Fourteen days, the most that SQS
/// allows, where that cannot be told.
std::chrono::seconds delivered_for(std::string_view url, const queue_attributes& queue,
                                   const std::optional<queue_attributes>& letters);

/// Looks after the ledger of a run, at its start and then each hour: tells it for how long the queue may
/// deliver a message, and has its partitions made and dropped.
///
/// On the control loop. Configuration and log outlive it. Upkeep that fails is a warning, and no reason not
/// to start: the ledger can be written all the same.
class ledger_keeper {
 public:
  ledger_keeper(boost::asio::any_io_executor executor, const config& c, observe::logger& log);

  /// Before the first message. Fails only where the ledger cannot be told: then another pipeline might make
  /// it forget what this queue still has.
  boost::asio::awaitable<result<>> start(sqs::client& client, pg::connection& database,
                                         const queue_info& queue);
  /// Until `close`.
  boost::asio::awaitable<void> run();
  void close() noexcept;

 private:
  boost::asio::awaitable<result<>> tell(sqs::client& client, pg::connection& database,
                                        queue_attributes queue);
  boost::asio::awaitable<result<>> keep();
  void warn(const failure& why);

  boost::asio::any_io_executor executor_;
  const config& config_;
  observe::logger& log_;
  std::string queue_url_;
  std::optional<sqs::client> queue_;
  pg::connection database_;
  pipeline::signal closing_;
  bool closed_ = false;
};

}  // namespace sluice::app
