#include "pipeline/dead_letters.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <utility>

#include "core/backoff.hpp"
#include "core/encoding.hpp"
#include "core/verdict.hpp"

namespace sluice::pipeline {
namespace {

constexpr std::size_t attribute_bytes_max = 4 * 1024;  // more than ours ever have

std::vector<std::pair<std::string, std::string>> reason_of(const copy::segment& s,
                                                           const copy::slot& message) {
  const copy::refusal& why = s.refusal_of(message);
  std::vector<std::pair<std::string, std::string>> attributes = {
      {"sluice.reason", std::string(why.reason)}, {"sluice.message_id", to_string(message.message_id)}};
  // SQS refuses an attribute that is empty.
  if (!why.column.empty()) attributes.emplace_back("sluice.column", why.column);
  if (!why.sqlstate.empty()) attributes.emplace_back("sluice.sqlstate", why.sqlstate);
  return attributes;
}

}  // namespace

dead_letters::dead_letters(boost::asio::any_io_executor executor, std::shared_ptr<sqs::session> session,
                           std::string queue_url, observe::counters& counters)
    : client_(std::move(executor), std::move(session)),
      queue_url_(std::move(queue_url)),
      fifo_(queue_url_.ends_with(".fifo")),
      counters_(counters) {}

awaitable<result<std::vector<std::size_t>>> dead_letters::send(const copy::segment& s,
                                                               std::vector<std::size_t> messages) {
  std::vector<std::size_t> not_taken;
  std::vector<std::size_t> ten;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i <= messages.size(); ++i) {
    const bool end = i == messages.size();
    const std::size_t size = end ? 0 : s.slots()[messages[i]].body_bytes + attribute_bytes_max;
    if (!ten.empty() &&
        (end || ten.size() == sqs::batch_entries_max || bytes + size > sqs::batch_bytes_max)) {
      std::vector<std::size_t> these = std::exchange(ten, {});
      auto left = co_await send_ten(s, std::move(these));
      if (!left) co_return std::move(left.error()).in("send to the dead-letter queue");
      not_taken.insert(not_taken.end(), left->begin(), left->end());
      bytes = 0;
    }
    if (end) break;
    ten.push_back(messages[i]);
    bytes += size;
  }
  co_return not_taken;
}

awaitable<result<std::vector<std::size_t>>> dead_letters::send_ten(const copy::segment& s,
                                                                   std::vector<std::size_t> ten) {
  std::vector<std::size_t> not_taken;
  backoff wait({.tries_max = 5}, ten.front());
  timer pause(co_await boost::asio::this_coro::executor);
  while (!ten.empty()) {
    std::vector<sqs::outgoing> entries;
    std::deque<std::string> ids;  // the entries have views of them
    for (const std::size_t i : ten) {
      const copy::slot& message = s.slots()[i];
      sqs::outgoing entry;
      entry.body = s.body(message);
      entry.attributes = reason_of(s, message);
      if (fifo_) {
        entry.group_id = s.group_id(message);
        entry.deduplication_id = ids.emplace_back(to_string(message.message_id));
      }
      entries.push_back(std::move(entry));
    }
    counters_.requests.add();
    auto failed = co_await client_.send_batch(queue_url_, entries);
    if (failed) {
      std::vector<std::size_t> again;
      for (const sqs::batch_failure& f : *failed) {
        (f.sender_fault ? not_taken : again).push_back(ten[f.index]);
      }
      ten = std::move(again);
      if (ten.empty()) break;
    } else if (ten.size() == 1 && failed.error().code == aws_errc::invalid_parameter) {
      not_taken.push_back(ten.front());  // with its attributes it is over the limit of a batch
      break;
    } else if (!may_pass(classify(failed.error()))) {
      co_return failed.error();
    }
    const auto delay = wait.next(clock::now());
    if (!delay) {
      if (!failed) co_return failed.error();
      co_return failure(aws_errc::internal, "SQS did not take all messages of a batch, five times over");
    }
    pause.expires_after(*delay);
    co_await pause.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  co_return not_taken;
}

}  // namespace sluice::pipeline
