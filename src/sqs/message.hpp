#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::sqs {

/// Entries of one batch call, and messages of one receive, at most (SQS developer guide, "Message quotas").
inline constexpr std::size_t batch_entries_max = 10;
/// Of one message, and of all messages of one send together, attributes too (the same page).
inline constexpr std::size_t batch_bytes_max = 1'048'576;
/// Readable bytes behind a body, for the JSON parser: at least its SIMDJSON_PADDING.
inline constexpr std::size_t body_padding = 64;

/// A message attribute that was asked for. `value` is its text; of a Binary one, base64.
struct message_attribute {
  std::string_view name;
  std::string_view value;
};

/// One received message: views into the answer, dead at the next one to any client of the session.
/// `body` may be parsed in place by simdjson: at least `body_padding` readable bytes follow it.
struct message {
  std::string_view message_id;
  std::string_view receipt_handle;
  std::string_view body;
  std::int64_t sent_ms = 0;         ///< SentTimestamp, epoch milliseconds
  std::uint32_t receive_count = 0;  ///< ApproximateReceiveCount
  std::string_view group_id;        ///< MessageGroupId; empty on most standard queues
  std::string_view trace_header;    ///< AWSTraceHeader
  std::span<const message_attribute> attributes{};
  bool digests_ok = true;  ///< MD5OfBody and MD5OfMessageAttributes matched (or were not given)
};

/// A message to send.
struct outgoing {
  std::string_view body;
  std::string_view group_id;                                    ///< FIFO
  std::string_view deduplication_id;                            ///< FIFO
  std::vector<std::pair<std::string, std::string>> attributes;  ///< String attributes, at most 10
};

/// What SQS said of one entry of a batch that it did not take.
struct batch_failure {
  std::size_t index;  ///< in the caller's list
  bool sender_fault;  ///< sending it again unchanged will not help
  std::string code;   ///< AWS error name, or "Missing" for an entry in neither list
};

}  // namespace sluice::sqs
