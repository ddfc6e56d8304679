#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/config.hpp"
#include "app/context.hpp"
#include "observe/admin_server.hpp"
#include "observe/counters.hpp"
#include "observe/log.hpp"
#include "pipeline/signal.hpp"
#include "pipeline/sqs_queue.hpp"

namespace sluice::app {

/// What lets people and machines watch a run: the admin server, and a look at the queue's depth now and then.
///
/// On the control loop. The configuration, counters and log outlive it. Nothing that goes wrong here stops
/// messages.
class watch {
 public:
  watch(boost::asio::any_io_executor executor, const config& c, observe::counters& counters,
        observe::logger& log);

  /// Takes the address, if there is to be a server. That the default one is in use is a warning; one that
  /// was asked for must work.
  /// The functions are called while a page is made.
  result<> open(const queue_info& queue, std::function<std::vector<observe::trouble>()> more_troubles,
                std::function<std::string()> primary_key, std::function<std::string()> oldest_key);

  /// Both run until `close`, and end at once when there is no server.
  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<void> look_at_queue();
  void close() noexcept;

 private:
  observe::about about(const queue_info& queue) const;
  void show_depth(const pipeline::backlog& depth) noexcept;

  boost::asio::any_io_executor executor_;
  const config& config_;
  observe::counters& counters_;
  observe::logger& log_;
  std::optional<observe::admin_server> server_;
  std::unique_ptr<pipeline::sqs_queue> queue_;
  pipeline::signal closed_signal_;
  bool closed_ = false;
};

}  // namespace sluice::app
