#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "sqs/message.hpp"
#include "sqs/receive_options.hpp"
#include "sqs/redrive.hpp"
#include "sqs/session.hpp"

namespace sluice::sqs {

/// SQS over its JSON protocol (botocore's model, apiVersion 2012-11-05), on one keep-alive connection.
///
/// One call at a time, on the executor it was made with. Views in an answer live until the next answer to any
/// client of its session: use or copy them before anything is waited for. What `receive` gave has its bytes
/// of `session::answers` until `release`, or the next receive.
/// Failures carry an `aws_errc` (or HTTP status, or the transport's code); `what` names operation, queue and
/// endpoint; `fix` says what to do. One refusal of stale credentials, and one of a skewed clock, are
/// corrected inside (refresh or offset, then again); all other retries belong to the caller.
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

  /// StartMessageMoveTask: from a dead-letter queue to another, or, where `destination_arn` is empty, back to
  /// where its messages came from. SQS knows that of those that it has moved itself, and not of those that
  /// were sent.
  boost::asio::awaitable<result<>> start_move_task(std::string_view source_arn,
                                                   std::string_view destination_arn = {});
  boost::asio::awaitable<result<std::optional<move_task>>> latest_move_task(std::string_view source_arn);

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
  /// How long the last answer waited for memory: its messages are hidden for as long.
  std::chrono::steady_clock::duration waited() const noexcept;
  /// Neither what the last receive gave nor copies of it are needed any more.
  void release() noexcept;
  /// Ends a call in flight with `errc::cancelled`, wherever it waits: for credentials, too.
  void close() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::sqs
