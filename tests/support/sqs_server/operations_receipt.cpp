#include "support/sqs_server/batch.hpp"
#include "support/sqs_server/input.hpp"
#include "support/sqs_server/operations_message.hpp"
#include "support/sqs_server/operations_queue.hpp"

// Operations on receipt handles.

namespace sluice::sqs_server {
namespace {

outcome<handle> read_handle(const call& c, const queue& q, std::string_view text) {
  const auto decoded = c.on.receipts.decode(text);
  if (!decoded || decoded->queue != q.number() || c.on.faults.makes_stale()) {
    return errors::receipt_handle_invalid(text);
  }
  return *decoded;
}

outcome<> told(queue::answer a, std::string_view receipt, std::int64_t timeout) {
  switch (a) {
    case queue::answer::done: return {};
    case queue::answer::expired: return errors::receipt_handle_expired(receipt);
    case queue::answer::gone: return errors::not_available_for_change(receipt);
    case queue::answer::not_in_flight: return errors::message_not_inflight();
    case queue::answer::beyond_limit: break;
  }
  return errors::invalid_value(
      fmt::to_string(timeout), "VisibilityTimeout",
      "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].");
}

outcome<> remove_one(const call& c, queue& q, const simdjson::dom::object& input) {
  auto receipt = required_text_in(input, "ReceiptHandle");
  if (!receipt) return receipt.error();
  auto h = read_handle(c, q, *receipt);
  if (!h) return h.error();
  if (c.on.faults.loses_delete()) return {};
  return told(q.remove(*h, c.now), *receipt, 0);
}

outcome<> change_one(const call& c, queue& q, const simdjson::dom::object& input) {
  auto receipt = required_text_in(input, "ReceiptHandle");
  if (!receipt) return receipt.error();
  auto timeout = number_in(input, "VisibilityTimeout", 0, 43'200, "Must be >= 0 and <= 43200, if provided.");
  if (!timeout) return timeout.error();
  if (!*timeout) return errors::missing_parameter("VisibilityTimeout");
  auto h = read_handle(c, q, *receipt);
  if (!h) return h.error();
  return told(q.change_visibility(*h, seconds(**timeout), c.now), *receipt, **timeout);
}

using one = outcome<> (*)(const call&, queue&, const simdjson::dom::object&);

outcome<> for_each_entry(call& c, std::string_view shape, one f) {
  auto q = queue_of(c);
  if (!q) return q.error();
  auto entries = read_batch(c, shape);
  if (!entries) return entries.error();
  batch_reply reply(c.out);
  for (const batch_entry& entry : *entries) {
    if (c.on.faults.fails_entry()) {
      reply.failure(entry.id, errors::internal(500));
    } else if (auto done = f(c, **q, entry.input); !done) {
      reply.failure(entry.id, done.error());
    } else {
      reply.success(entry.id).close('}');
    }
  }
  reply.finish();
  return {};
}

}  // namespace

outcome<> delete_message(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  return remove_one(c, **q, c.input);
}

outcome<> delete_message_batch(call& c) {
  return for_each_entry(c, "DeleteMessageBatchRequestEntry", remove_one);
}

outcome<> change_message_visibility(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  return change_one(c, **q, c.input);
}

outcome<> change_message_visibility_batch(call& c) {
  return for_each_entry(c, "ChangeMessageVisibilityBatchRequestEntry", change_one);
}

}  // namespace sluice::sqs_server
