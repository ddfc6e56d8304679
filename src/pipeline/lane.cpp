#include "pipeline/lane.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/assert.hpp>
#include <exception>
#include <utility>

namespace sluice::pipeline {

using namespace std::chrono_literals;

lane::lane(boost::asio::any_io_executor executor, options o, ports p, record::reader reader,
           database_health& health, observe::counters& counters, observe::logger& log)
    : executor_(executor),
      options_(o),
      ports_(std::move(p)),
      reader_(std::move(reader)),
      health_(health),
      counters_(counters),
      log_(log),
      pool_(o.segments, o.segment),
      receive_limit_(o.pollers_min, o.pollers_max),
      settle_limit_(1, o.ackers),
      reply_bytes_(o.message_bytes_max * o.receive_max),
      may_poll_(executor),
      room_(executor),
      work_(executor),
      calls_(executor),
      gone_(executor),
      stop_(executor),
      seeds_(o.seed) {}

lane::~lane() = default;

void lane::spawn(awaitable<void> task, std::size_t& alive) {
  ++alive;
  boost::asio::co_spawn(executor_, std::move(task), [this, &alive](std::exception_ptr e) {
    --alive;
    if (e) {
      broke_ = true;
      try {
        std::rethrow_exception(e);
      } catch (const std::exception& broken) {
        fail({errc::bad_answer, std::string("a task ended on a broken promise: ") + broken.what(),
              "report this as a bug"});
      }
    }
    gone_.notify();
  });
}

awaitable<result<>> lane::run() {
  for (std::size_t i = 0; i < options_.loaders; ++i) spawn(load_batches(), loaders_alive_);
  spawn(keep_hidden(), heartbeat_alive_);
  call_pollers();

  while (!stopping()) co_await gone_.wait(1h);  // a loop that nobody calls has no pollers
  co_await until_gone(pollers_alive_);
  while (may_come_again()) co_await gone_.wait(poll_look);
  received_all_ = true;
  tickets_.release_later();
  call_settlers();
  work_.notify();
  co_await until_gone(loaders_alive_);
  loaded_all_ = true;
  calls_.notify();
  co_await until_gone(settlers_alive_);
  give_up_tickets();
  stop_.notify();
  co_await until_gone(heartbeat_alive_);
  tell_set_aside();
  BOOST_ASSERT(broke_ || tickets_.adds_up());

  if (failure_) co_return *failure_;
  co_return result<>();
}

void lane::stop() {
  if (stop_at_) return;
  stop_at_ = clock::now();
  may_poll_.notify();
  room_.notify();
  work_.notify();
  calls_.notify();
  stop_.notify();
  gone_.notify();
}

void lane::fail(failure f) {
  if (failure_) return;
  failure_ = std::move(f);
  stop();
  if (ports_.tell_of_failure) ports_.tell_of_failure();
}

awaitable<void> lane::pause(std::chrono::milliseconds how_long) {
  if (!stopping()) co_await stop_.wait(how_long);
}

// At a stop, what goes back while a poll is in flight, ours or another loop's, may be the answer to it; and
// if the poll is cut, it stays hidden for its whole visibility. Polls last for `poll_grace`, and a moment.
bool lane::may_come_again() const noexcept {
  return stopping() && counters_.receiving.get() > 0 && clock::now() - *stop_at_ < options_.poll_grace + 1s;
}

// What goes back while a poll is in flight, of any loop, would be the answer to it. To cut the poll does not
// help: SQS learns of that when it has answered. So polls are waited for; they end by themselves.
awaitable<void> lane::polls_over(steady_time latest) {
  while (!stopping() && counters_.receiving.get() > 0 && !health_.trusted() && clock::now() < latest)
    co_await pause(poll_look);
}

// Waits for the last task of a kind. After `stop` it has its limits: polls get `poll_grace`, all else
// `stop_max`; then connections are closed under the tasks that still wait for an answer, and they give up
// what they have.
awaitable<void> lane::until_gone(const std::size_t& alive) {
  while (alive > 0) {
    if (!stopping()) {
      co_await gone_.wait(1h);
      continue;
    }
    const auto since = clock::now() - *stop_at_;
    if (!polls_closed_ && since >= options_.poll_grace) {
      polls_closed_ = true;
      for (queue* q : receiving_) q->close();
    }
    if (!sinks_closed_ && since >= options_.stop_max * 4 / 5) {
      sinks_closed_ = true;
      for (sink* s : loading_) s->close();
    }
    if (!queues_closed_ && since >= options_.stop_max) {
      queues_closed_ = true;
      for (queue* q : settling_) q->close();
      calls_.notify();
    }
    const clock::duration rest = std::clamp<clock::duration>(options_.poll_grace, 10ms, 100ms);
    co_await gone_.wait(rest);
  }
}

}  // namespace sluice::pipeline
