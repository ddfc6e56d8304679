#include "pipeline/sqs_queue.hpp"

#include <charconv>
#include <utility>

namespace sluice::pipeline {

sqs_queue::sqs_queue(boost::asio::any_io_executor executor, std::shared_ptr<sqs::session> session, settings s,
                     observe::counters& counters)
    : client_(std::move(executor), std::move(session)), settings_(std::move(s)), counters_(counters) {}

awaitable<result<std::span<const sqs::message>>> sqs_queue::receive(std::size_t messages_max,
                                                                    std::chrono::seconds wait) {
  counters_.requests.add();
  return client_.receive(settings_.queue_url, {.messages_max = static_cast<int>(messages_max),
                                               .wait = wait,
                                               .visibility = settings_.visibility,
                                               .memory_wait = settings_.memory_wait,
                                               .trace_header = true,
                                               .attributes = settings_.attributes});
}

awaitable<result<std::vector<sqs::batch_failure>>> sqs_queue::remove(
    std::span<const std::string_view> handles) {
  counters_.requests.add();
  return client_.delete_batch(settings_.queue_url, handles);
}

awaitable<result<std::vector<sqs::batch_failure>>> sqs_queue::hide(std::span<const std::string_view> handles,
                                                                   std::chrono::seconds visibility) {
  counters_.requests.add();
  return client_.change_visibility_batch(settings_.queue_url, handles, visibility);
}

awaitable<result<backlog>> sqs_queue::depth() {
  counters_.requests.add();
  auto attributes = co_await client_.attributes(settings_.queue_url);
  if (!attributes) co_return attributes.error();
  co_return read_backlog(*attributes);
}

backlog read_backlog(const std::map<std::string, std::string>& attributes) {
  const auto number = [&](const char* name) {
    std::uint64_t value = 0;
    if (const auto found = attributes.find(name); found != attributes.end()) {
      const std::string& text = found->second;
      std::from_chars(text.data(), text.data() + text.size(), value);
    }
    return value;
  };
  return {.visible = number("ApproximateNumberOfMessages"),
          .in_flight = number("ApproximateNumberOfMessagesNotVisible"),
          .delayed = number("ApproximateNumberOfMessagesDelayed")};
}

}  // namespace sluice::pipeline
