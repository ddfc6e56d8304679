#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "aws/environment.hpp"
#include "aws/exchange.hpp"
#include "observe/counters.hpp"
#include "observe/log.hpp"
#include "pipeline/signal.hpp"

namespace sluice::app {

/// Keeps ECS from stopping this task, when it scales in, while messages are held: idle tasks go first.
///
/// Asks the agent for five minutes when messages are held, and gives them back when none have been for a
/// while. A task that is busy all the time is left unprotected for a minute in six, so that a deployment is
/// not held up for ever: the stop that comes then loses nothing either (SIGTERM). On the control loop. What
/// the agent refuses is a warning, once, and the end of asking. Source: ECS developer guide, "Amazon ECS task
/// scale-in protection endpoint".
class task_protection {
 public:
  static constexpr std::chrono::minutes protected_for{5};
  static constexpr std::chrono::minutes then_free{1};
  static constexpr std::chrono::seconds idle_after{30};

  /// ECS_AGENT_URI, which ECS sets; `bad_configuration` if it is not there.
  static result<aws::peer> find_agent(const aws::environment& env);

  task_protection(aws::peer agent, aws::network n, const observe::counters& counters, observe::logger& log);

  /// Looks every `every`, until `close`.
  boost::asio::awaitable<void> run(std::chrono::milliseconds every);
  /// One look: asks for protection, gives it back, or does nothing. `now` only ever grows.
  boost::asio::awaitable<void> look(std::chrono::steady_clock::time_point now);
  void close() noexcept;

 private:
  using time_point = std::chrono::steady_clock::time_point;
  boost::asio::awaitable<bool> put(bool enabled);

  aws::peer agent_;
  std::string target_;
  aws::network network_;
  const observe::counters& counters_;
  observe::logger& log_;
  pipeline::signal closing_;
  std::uint64_t received_ = 0;  ///< at the last look: what was held and settled in between counts too
  std::optional<time_point> protected_at_;  ///< the last time that it was asked for
  time_point busy_at_{};                    ///< when messages were last seen
  bool is_protected_ = false;
  bool closed_ = false;
};

}  // namespace sluice::app
