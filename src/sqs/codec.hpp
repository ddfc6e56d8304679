#pragma once

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

/// SQS's JSON protocol (botocore's model, apiVersion 2012-11-05): bodies of requests and answers. Pure.
namespace sluice::sqs {

/// Each replaces `out` by a request's body, and keeps its memory. Batches have 1 to 10 entries, whose ids are
/// their places in the list.
void encode_get_queue_url(std::string& out, std::string_view name);
void encode_create_queue(std::string& out, std::string_view name,
                         const std::map<std::string, std::string>& attributes);
void encode_get_attributes(std::string& out, std::string_view queue_url);
void encode_purge(std::string& out, std::string_view queue_url);
void encode_receive(std::string& out, std::string_view queue_url, const receive_options& o);
void encode_delete_batch(std::string& out, std::string_view queue_url,
                         std::span<const std::string_view> receipt_handles);
void encode_change_visibility_batch(std::string& out, std::string_view queue_url,
                                    std::span<const std::string_view> receipt_handles,
                                    std::chrono::seconds visibility);
void encode_start_move_task(std::string& out, std::string_view source_arn, std::string_view destination_arn);
void encode_list_move_tasks(std::string& out, std::string_view source_arn);
void encode_send_batch(std::string& out, std::string_view queue_url, std::span<const outgoing> messages);

/// Appends `text` as a JSON string. UTF-8 is passed on as it is.
void append_json_string(std::string& out, std::string_view text);

/// An answer that is no success.
struct refusal {
  error_code code;   ///< of `aws_category`, or `http_category` where no known name was given
  std::string name;  ///< AWS's name for it, safe to show; may be empty
  std::string text;  ///< what the server said: untrusted
};

/// Reads answers. Every `body` must be followed by SIMDJSON_PADDING readable bytes (as http::response's is).
/// What the protocol does not allow is `bad_answer`; unknown members are ignored, absent and null lists are
/// empty.
///
/// Owns a parser: what `messages` gives are views into it, dead at the next call. Not thread-safe.
class decoder {
 public:
  decoder();
  decoder(decoder&&) noexcept;
  decoder& operator=(decoder&&) noexcept;
  ~decoder();

  result<std::span<const message>> messages(std::string_view body);
  /// What of a batch of `entries` was not done: the Failed list, and entries in neither list as "Missing".
  result<std::vector<batch_failure>> failures(std::string_view body, std::size_t entries);
  result<std::string> queue_url(std::string_view body);
  result<std::map<std::string, std::string>> attributes(std::string_view body);
  /// The latest of ListMessageMoveTasks; nothing if there is none.
  result<std::optional<move_task>> latest_move_task(std::string_view body);
  /// `error_type` and `query_error` are the headers x-amzn-errortype and x-amzn-query-error. Takes anything
  /// for a body: a load balancer's is HTML.
  refusal refused(unsigned status, std::string_view body, std::string_view error_type,
                  std::string_view query_error);

 private:
  class impl;  // so that no other source compiles the JSON parser
  std::unique_ptr<impl> impl_;
};

/// "Tue, 24 Nov 2026 06:00:00 GMT" (RFC 9110, IMF-fixdate), as in a Date header.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace sluice::sqs
