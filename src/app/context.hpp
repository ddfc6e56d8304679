#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "pg/connection.hpp"
#include "sqs/client.hpp"

namespace sluice::app {

/// Exit codes of the program.
enum exit_code : int {
  done = 0,
  failed = 1,   ///< something gave way while it ran; what was not committed is still in the queue
  refused = 2,  ///< the command line, a setting, the plan, a key, the queue or the table will not do: nothing
                ///< was done
  interrupted = 130  ///< a second signal ended it at once; nothing is lost
};

/// Region, endpoint and credentials, put together for one loop, whose executor it is.
result<std::shared_ptr<sqs::session>> make_session(const config& c, boost::asio::any_io_executor executor);

/// The queue as it is.
struct queue_info {
  std::string url;
  std::map<std::string, std::string> attributes;
  std::chrono::seconds visibility{30};  ///< that received messages get

  bool is_fifo() const { return url.ends_with(".fifo"); }
  /// MaximumMessageSize; what SQS takes at most where the queue does not say.
  std::size_t message_bytes_max() const;
};

/// Finds the queue and reads its attributes, which shows that endpoint, credentials and permissions are
/// right.
boost::asio::awaitable<result<queue_info>> find_queue(sqs::client& client, const config& c);

/// What our sessions are called in pg_stat_activity, at most 63 bytes: "sluice login-queue 1a2b3c4d", with a
/// digest of the queue's URL.
std::string session_name(const queue_info& queue);

/// Refuses a queue that sluice is loading into another database of this server: each message would be a row
/// in one of the two. Other servers cannot be seen from here. Needs a connection named by `session_name`.
boost::asio::awaitable<result<>> check_one_database(pg::connection& database, const queue_info& queue);

/// The URL of the dead-letter queue where load.bad_messages needs one, else empty. `bad_configuration` when
/// there is none, or the queue cannot be used so.
boost::asio::awaitable<result<std::string>> prepare_bad_messages(sqs::client& client, const config& c,
                                                                 const queue_info& queue);

/// How rows get into the table as it is, by the plan and the mode; fails with the first thing to correct.
boost::asio::awaitable<result<pg::load_plan>> plan_load(pg::connection& database, const config& c);

/// Runs one coroutine on a loop of its own, to its end. Prints its failure ("sluice: ...") and gives its exit
/// code.
int run_to_end(const std::function<boost::asio::awaitable<result<int>>(boost::asio::any_io_executor)>& task);

/// What was opened, for standard output: as it is, but without control characters at a terminal.
std::string shown(const std::string& value);

/// Writes to standard error. Whether that works is of no consequence.
void say(const std::string& text) noexcept;

/// "sluice: what; what to do", and on standard error.
std::string failure_line(const failure& f);
void print_failure(const failure& f);

}  // namespace sluice::app
