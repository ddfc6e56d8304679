#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "app/progress.hpp"
#include "core/verdict.hpp"
#include "sqs/redrive.hpp"

namespace sluice::app {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 500ms;
constexpr int failures_max = 20;  ///< looks in a row that fail before it is left alone

bool is_unknown_operation(const failure& f) {
  return f.code == aws_errc::unsupported || f.code == aws_errc::unknown || f.code == http_status(404) ||
         f.code == http_status(501);
}

/// Until the move has ended; the task goes on by itself if we do not.
boost::asio::awaitable<result<sqs::move_task>> follow(sqs::client& client, const std::string& source) {
  const auto executor = co_await boost::asio::this_coro::executor;
  progress bar("moving", 0, isatty(STDERR_FILENO) != 0, say);
  boost::asio::steady_timer timer(executor);
  for (int failures = 0;;) {
    const auto task = co_await client.latest_move_task(source);
    if (task && !*task)
      co_return failure{errc::bad_answer, "SQS knows nothing of the move that it has started"};
    if (task) {
      failures = 0;
      bar.show((*task)->moved, fmt::format("of about {}", grouped((*task)->to_move)));
      if ((*task)->status != "RUNNING" && (*task)->status != "CANCELLING") co_return **task;
    } else if (!may_pass(classify(task.error())) || ++failures == failures_max) {
      co_return task.error();
    }
    timer.expires_after(look_every);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
}

boost::asio::awaitable<result<int>> move(boost::asio::any_io_executor executor, const config& c) {
  auto session = make_session(c, executor);
  if (!session) co_return session.error();
  sqs::client client(std::move(executor), *session);
  const auto queue = co_await find_queue(client, c);
  if (!queue) co_return queue.error();
  const auto policy = sqs::read_redrive_policy(queue->attributes);
  if (!policy) {
    co_return failure{errc::bad_configuration, fmt::format("queue {} has no dead-letter queue", queue->url),
                      "name the queue that the messages go back to, and set a RedrivePolicy on it"};
  }
  // What sluice itself has sent there came from nowhere, for all that SQS knows.
  std::string destination;
  if (const auto own = queue->attributes.find("QueueArn");
      c.bad == pg::bad_messages::dlq && own != queue->attributes.end()) {
    destination = own->second;
  }
  if (auto started = co_await client.start_move_task(policy->target_arn, destination); !started) {
    failure f = std::move(started).error();
    if (is_unknown_operation(f))
      f.fix =
          "this server does not move messages (StartMessageMoveTask): send them to the queue with another "
          "tool";
    co_return f;
  }
  if (c.plan.business_key.empty()) {
    say("sluice: SQS gives new ids to what it moves: what was loaded before it became a dead letter becomes "
        "a second "
        "row\n");
  }
  const auto task = co_await follow(client, policy->target_arn);
  if (!task) {
    failure why = std::move(task).error();
    why.fix = "SQS goes on with the move: look at what is left in the dead-letter queue";
    print_failure(why);
    co_return exit_code::failed;
  }
  fmt::print("moved {} messages of {} back to {}\n", grouped(task->moved), policy->target_name(), queue->url);
  if (task->status == "COMPLETED") co_return exit_code::done;
  const bool was_sent = task->failure_reason == "CouldNotDetermineMessageSource";
  print_failure({aws_errc::internal,
                 fmt::format("the move ended as {}{}{}", task->status,
                             task->failure_reason.empty() ? "" : ": ", task->failure_reason),
                 was_sent ? "what sluice has sent there goes back with SLUICE_BAD_MESSAGES=dlq, and so does "
                            "all else that is there"
                          : "what was not moved is still in the dead-letter queue"});
  co_return exit_code::failed;
}

}  // namespace

int redrive(const config& c) {
  return run_to_end([&](boost::asio::any_io_executor executor) { return move(std::move(executor), c); });
}

}  // namespace sluice::app
