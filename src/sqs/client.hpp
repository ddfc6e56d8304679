#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/provider.hpp"
#include "http/client.hpp"
#include "sqs/message.hpp"

namespace sluice::sqs {

/// What all connections to one queue share. Immutable but for the counters and the clock offset; one per
/// loop.
struct session {
  http::endpoint endpoint;
  std::string region;
  std::shared_ptr<aws::credentials_provider> credentials;
  std::shared_ptr<boost::asio::ssl::context> tls;
  http::options http;
  /// Signing time; tests set it. The clock offset (below) is added.
  std::function<std::chrono::sys_seconds()> now;
  /// Server's clock minus ours, from its Date header; used when over 4 minutes and the peer refused a
  /// signature for it.
  std::chrono::seconds clock_offset{0};
  std::uint64_t requests = 0;  ///< sent, for the cost meter
};

struct receive_options {
  int messages_max = 10;               ///< 1..10
  std::chrono::seconds wait{20};       ///< long poll, 0..20
  std::chrono::seconds visibility{0};  ///< 0: the queue's own default
  bool trace_header = false;           ///< ask for AWSTraceHeader too
};

/// SQS over its JSON protocol (botocore's model, apiVersion 2012-11-05), on one keep-alive connection.
///
/// One call at a time, on the executor it was made with. Views in an answer live until the next call.
/// Failures carry an `aws_errc` (or HTTP status, or the transport's code); `what` names operation, queue and
/// endpoint; `fix` says what to do. One refusal of stale credentials, and one of a skewed clock, are mended
/// inside (refresh or offset, then again); all other retries belong to the caller.
class client {
 public:
  client(boost::asio::any_io_executor executor, std::shared_ptr<session> s);
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  boost::asio::awaitable<result<std::string>> queue_url(std::string_view name);
  boost::asio::awaitable<result<std::string>> create_queue(
      std::string_view name, const std::map<std::string, std::string>& attributes);
  boost::asio::awaitable<result<std::map<std::string, std::string>>> attributes(std::string_view queue_url);
  boost::asio::awaitable<result<>> purge(std::string_view queue_url);

  boost::asio::awaitable<result<std::span<const message>>> receive(std::string_view queue_url,
                                                                   receive_options o);
  /// At most 10 each. The answer lists what was not done; empty means all was.
  boost::asio::awaitable<result<std::vector<batch_failure>>> delete_batch(
      std::string_view queue_url, std::span<const std::string_view> receipt_handles);
  boost::asio::awaitable<result<std::vector<batch_failure>>> change_visibility_batch(
      std::string_view queue_url, std::span<const std::string_view> receipt_handles,
      std::chrono::seconds visibility);
  boost::asio::awaitable<result<std::vector<batch_failure>>> send_batch(std::string_view queue_url,
                                                                        std::span<const outgoing> messages);
  void close() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::sqs
