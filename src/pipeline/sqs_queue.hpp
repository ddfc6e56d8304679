#pragma once

#include <memory>
#include <string>
#include <vector>

#include "observe/counters.hpp"
#include "pipeline/ports.hpp"
#include "sqs/client.hpp"

namespace sluice::pipeline {

/// The queue over SQS: one client on one connection. `counters` outlives it.
class sqs_queue final : public queue {
 public:
  struct settings {
    std::string queue_url;
    std::chrono::seconds visibility{0};             ///< asked for at each receive; 0: the queue's own
    std::vector<std::string> attributes{};          ///< message attributes asked for
    std::chrono::milliseconds memory_wait{15'000};  ///< of an answer that has come, for its memory
  };

  sqs_queue(boost::asio::any_io_executor executor, std::shared_ptr<sqs::session> session, settings s,
            observe::counters& counters);

  awaitable<result<std::span<const sqs::message>>> receive(std::size_t messages_max,
                                                           std::chrono::seconds wait) override;
  clock::duration waited() const noexcept override { return client_.waited(); }
  void release() noexcept override { client_.release(); }
  awaitable<result<std::vector<sqs::batch_failure>>> remove(
      std::span<const std::string_view> handles) override;
  awaitable<result<std::vector<sqs::batch_failure>>> hide(std::span<const std::string_view> handles,
                                                          std::chrono::seconds visibility) override;
  awaitable<result<backlog>> depth() override;
  void close() noexcept override { client_.close(); }

 private:
  sqs::client client_;
  settings settings_;
  observe::counters& counters_;
};

/// Reads the three approximate counts from GetQueueAttributes' answer.
backlog read_backlog(const std::map<std::string, std::string>& attributes);

}  // namespace sluice::pipeline
