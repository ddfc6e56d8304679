#include <vector>

#include "support/sqs_server/batch.hpp"
#include "support/sqs_server/input.hpp"
#include "support/sqs_server/operations_message.hpp"
#include "support/sqs_server/operations_queue.hpp"
#include "support/sqs_server/payload.hpp"

namespace sluice::sqs_server {
namespace {

constexpr std::size_t batch_bytes_max = 1'048'576;

std::string too_long(const queue& q, std::string_view verb) {
  return fmt::format("One or more parameters {}. Reason: Message must be shorter than {} bytes.", verb,
                     q.settings().message_bytes_max());
}

outcome<std::optional<seconds>> read_delay(const queue& q, const simdjson::dom::object& input) {
  auto delay = number_in(input, "DelaySeconds", 0, 900, "DelaySeconds must be >= 0 and <= 900.");
  if (!delay) return delay.error();
  if (!*delay) return std::optional<seconds>();
  if (!q.fifo()) return std::optional(seconds(**delay));
  // SDKs send 0 for "not set": a FIFO queue takes it as that.
  if (**delay == 0) return std::optional<seconds>();
  return errors::invalid_value(fmt::to_string(**delay), "DelaySeconds",
                               "The request include parameter that is not valid for this queue type.");
}

/// What a FIFO queue misses in one entry fails the call, not the entry, and as another error than in
/// SendMessage: so it was recorded on SQS.
outcome<> check_fifo_batch(const queue& q, const std::vector<batch_entry>& entries) {
  if (!q.fifo()) return {};
  const auto lacks = [](const batch_entry& e, std::string_view name) {
    std::string_view text;
    return e.input[name].get(text) != simdjson::SUCCESS;
  };
  for (const batch_entry& e : entries) {
    if (lacks(e, "MessageGroupId")) {
      return errors::invalid_parameter("The request must contain the parameter MessageGroupId.");
    }
    if (!q.settings().content_based_deduplication() && lacks(e, "MessageDeduplicationId")) {
      return errors::invalid_parameter(no_deduplication_id);
    }
  }
  return {};
}

void write_sent(json_writer& w, const queue& q, const payload& p, const queue::sent& sent) {
  w.key("MessageId").raw_string(to_string(sent.id)).key("MD5OfMessageBody").raw_string(p.body_md5);
  if (!p.attributes_md5.empty()) w.key("MD5OfMessageAttributes").raw_string(p.attributes_md5);
  if (!p.trace_md5.empty()) w.key("MD5OfMessageSystemAttributes").raw_string(p.trace_md5);
  if (q.fifo()) w.key("SequenceNumber").raw_string(sequence_text(sent.sequence));
  w.close('}');
}

}  // namespace

outcome<> send_message(call& c) {
  auto found = queue_of(c);
  if (!found) return found.error();
  queue& q = **found;
  auto content = read_payload(q, c.input);
  if (!content) return content.error();
  if ((*content)->size > q.settings().message_bytes_max()) {
    return errors::invalid_parameter(too_long(q, "are invalid"));
  }
  auto delay = read_delay(q, c.input);
  if (!delay) return delay.error();
  const queue::sent sent = c.on.queues.send(q, *content, *delay, c.now);
  json_writer w(c.out);
  write_sent(w.open('{'), q, **content, sent);
  return {};
}

outcome<> send_message_batch(call& c) {
  auto found = queue_of(c);
  if (!found) return found.error();
  queue& q = **found;
  auto entries = read_batch(c, "SendMessageBatchRequestEntry");
  if (!entries) return entries.error();

  if (auto checked = check_fifo_batch(q, *entries); !checked) return checked;

  std::vector<outcome<payload_ptr>> contents;
  std::size_t bytes = 0;
  for (const batch_entry& entry : *entries) {
    contents.push_back(read_payload(q, entry.input));
    if (contents.back()) bytes += (*contents.back())->size;
  }
  if (bytes > batch_bytes_max) return errors::batch_too_long(batch_bytes_max, bytes);

  batch_reply reply(c.out);
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const batch_entry& entry = (*entries)[i];
    auto& content = contents[i];
    auto delay = read_delay(q, entry.input);
    if (c.on.faults.fails_entry()) {
      reply.failure(entry.id, errors::internal(500));
    } else if (!content) {
      reply.failure(entry.id, content.error());
    } else if ((*content)->size > q.settings().message_bytes_max()) {
      reply.failure(entry.id, errors::invalid_parameter(too_long(q, "cannot be validated")));
    } else if (!delay) {
      reply.failure(entry.id, delay.error());
    } else {
      const queue::sent sent = c.on.queues.send(q, *content, *delay, c.now);
      write_sent(reply.success(entry.id), q, **content, sent);
    }
  }
  reply.finish();
  return {};
}

}  // namespace sluice::sqs_server
