#include "support/sqs_server/operations_queue.hpp"

#include <algorithm>

#include "support/sqs_server/input.hpp"

namespace sluice::sqs_server {
namespace {

std::string url_of(const call& c, std::string_view name) {
  return fmt::format("http://{}/{}/{}", c.host, c.on.queues.account(), name);
}

attribute_map readable_attributes(queue& q, instant now) {
  const auto epoch_s = [](instant t) { return fmt::to_string(t.time_since_epoch() / seconds(1)); };
  attribute_map all = q.settings().text();
  const queue::counts counts = q.count(now);
  all["ApproximateNumberOfMessages"] = fmt::to_string(counts.visible);
  all["ApproximateNumberOfMessagesNotVisible"] = fmt::to_string(counts.in_flight);
  all["ApproximateNumberOfMessagesDelayed"] = fmt::to_string(counts.delayed);
  all["CreatedTimestamp"] = epoch_s(q.created());
  all["LastModifiedTimestamp"] = epoch_s(q.modified());
  all["QueueArn"] = q.arn();
  return all;
}

constexpr std::string_view attribute_names[] = {"All",
                                                "ApproximateNumberOfMessages",
                                                "ApproximateNumberOfMessagesDelayed",
                                                "ApproximateNumberOfMessagesNotVisible",
                                                "ContentBasedDeduplication",
                                                "CreatedTimestamp",
                                                "DeduplicationScope",
                                                "DelaySeconds",
                                                "FifoQueue",
                                                "FifoThroughputLimit",
                                                "KmsDataKeyReusePeriodSeconds",
                                                "KmsMasterKeyId",
                                                "LastModifiedTimestamp",
                                                "MaximumMessageSize",
                                                "MessageRetentionPeriod",
                                                "Policy",
                                                "QueueArn",
                                                "ReceiveMessageWaitTimeSeconds",
                                                "RedriveAllowPolicy",
                                                "RedrivePolicy",
                                                "SqsManagedSseEnabled",
                                                "VisibilityTimeout"};

/// Names from `first` on, at most MaxResults of them (1,000 without it); NextToken is the name to go on with.
outcome<> write_page(call& c, std::string_view key, const std::vector<std::string_view>& names) {
  auto max = number_in(c.input, "MaxResults", 1, 1'000, "MaxResults must be an integer between 1 and 1000.");
  if (!max) return max.error();
  auto token = text_in(c.input, "NextToken");
  if (!token) return token.error();
  std::size_t first = 0;
  if (*token) {
    const auto name = unbase64(**token);
    const auto found = name ? std::ranges::find(names, *name) : names.end();
    if (found == names.end()) return errors::invalid_parameter("Invalid or expired next token.");
    first = static_cast<std::size_t>(found - names.begin());
  }
  const std::size_t end = std::min(names.size(), first + static_cast<std::size_t>(max->value_or(1'000)));
  json_writer w(c.out);
  w.open('{');
  if (first < end || key == "queueUrls") {
    w.key(key).open('[');
    for (std::size_t i = first; i < end; ++i) w.string(url_of(c, names[i]));
    w.close(']');
  }
  if (end < names.size()) w.key("NextToken").string(base64(names[end]));
  w.close('}');
  return {};
}

void write_move_task(json_writer& w, const move_task& t) {
  w.open('{');
  if (t.status == move_task::state::running) w.key("TaskHandle").string(t.handle);
  w.key("Status").string(status_text(t.status)).key("SourceArn").string(t.source_arn);
  if (!t.destination_arn.empty()) w.key("DestinationArn").string(t.destination_arn);
  if (t.per_second) w.key("MaxNumberOfMessagesPerSecond").number(*t.per_second);
  w.key("ApproximateNumberOfMessagesMoved").number(t.moved);
  w.key("ApproximateNumberOfMessagesToMove").number(t.to_move);
  if (!t.failure_reason.empty()) w.key("FailureReason").string(t.failure_reason);
  w.key("StartedTimestamp").number(t.started.time_since_epoch().count()).close('}');
}

}  // namespace

outcome<queue*> queue_of(const call& c) {
  auto url = required_text_in(c.input, "QueueUrl");
  if (!url) return url.error();
  const std::string_view text = *url;
  const auto name_at = text.rfind('/');
  if (name_at == std::string_view::npos || name_at == 0) return errors::queue_does_not_exist();
  const auto account_at = text.rfind('/', name_at - 1);
  if (account_at == std::string_view::npos) return errors::queue_does_not_exist();
  if (text.substr(account_at + 1, name_at - account_at - 1) != c.on.queues.account()) {
    return errors::queue_does_not_exist();
  }
  queue* const q = c.on.queues.find(text.substr(name_at + 1));
  if (q == nullptr) return errors::queue_does_not_exist();
  return q;
}

outcome<> create_queue(call& c) {
  auto name = required_text_in(c.input, "QueueName");
  if (!name) return name.error();
  auto attributes = text_map_in(c.input, "Attributes");
  if (!attributes) return attributes.error();
  auto created = c.on.queues.create(*name, *attributes, c.now);
  if (!created) return created.error();
  json_writer(c.out).open('{').key("QueueUrl").string(url_of(c, *name)).close('}');
  return {};
}

outcome<> get_queue_url(call& c) {
  auto name = required_text_in(c.input, "QueueName");
  if (!name) return name.error();
  auto owner = text_in(c.input, "QueueOwnerAWSAccountId");
  if (!owner) return owner.error();
  const bool foreign = *owner && **owner != c.on.queues.account();
  if (foreign || c.on.queues.find(*name) == nullptr) return errors::queue_does_not_exist();
  json_writer(c.out).open('{').key("QueueUrl").string(url_of(c, *name)).close('}');
  return {};
}

outcome<> get_queue_attributes(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  auto wanted = array_in(c.input, "AttributeNames");
  if (!wanted) return wanted.error();
  json_writer w(c.out);
  w.open('{');
  if (*wanted) {
    const attribute_map all = readable_attributes(**q, c.now);
    attribute_map chosen;
    for (const auto element : **wanted) {
      std::string_view name;
      if (element.get(name)) return errors::serialization("AttributeNames is a list of String.");
      if (std::ranges::find(attribute_names, name) == std::end(attribute_names)) {
        return errors::invalid_attribute_name(fmt::format("Unknown Attribute {}.", name));
      }
      if (name == "All") chosen = all;
      if (const auto found = all.find(name); found != all.end()) chosen.insert(*found);
    }
    if (!chosen.empty()) {
      w.key("Attributes").open('{');
      for (const auto& [name, value] : chosen) w.key(name).string(value);
      w.close('}');
    }
  }
  w.close('}');
  return {};
}

outcome<> set_queue_attributes(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  auto attributes = text_map_in(c.input, "Attributes");
  if (!attributes) return attributes.error();
  if (attributes->empty()) return errors::missing_parameter("Attribute.Name");
  return c.on.queues.set_attributes(**q, *attributes, c.now);
}

outcome<> list_queues(call& c) {
  auto prefix = text_in(c.input, "QueueNamePrefix");
  if (!prefix) return prefix.error();
  std::vector<std::string_view> names;
  for (const auto& [name, q] : c.on.queues.queues()) {
    if (name.starts_with(prefix->value_or(""))) names.push_back(name);
  }
  return write_page(c, "QueueUrls", names);
}

outcome<> delete_queue(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  c.on.queues.remove(**q, c.now);
  return {};
}

outcome<> purge_queue(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  if (!(*q)->purge(c.now)) return errors::purge_in_progress((*q)->name());
  return {};
}

outcome<> list_dead_letter_source_queues(call& c) {
  auto q = queue_of(c);
  if (!q) return q.error();
  std::vector<std::string_view> names;
  for (const queue* source : c.on.queues.sources_of(**q)) names.push_back(source->name());
  return write_page(c, "queueUrls", names);
}

outcome<> start_message_move_task(call& c) {
  auto source = required_text_in(c.input, "SourceArn");
  if (!source) return source.error();
  auto destination = text_in(c.input, "DestinationArn");
  if (!destination) return destination.error();
  auto rate =
      number_in(c.input, "MaxNumberOfMessagesPerSecond", 1, 500, "Must be >= 1 and <= 500, if provided.");
  if (!rate) return rate.error();
  std::optional<std::uint32_t> per_second;
  if (*rate) per_second = static_cast<std::uint32_t>(**rate);
  auto task = c.on.queues.start_move(*source, destination->value_or(""), per_second, c.now);
  if (!task) return task.error();
  json_writer(c.out).open('{').key("TaskHandle").string((*task)->handle).close('}');
  return {};
}

outcome<> list_message_move_tasks(call& c) {
  auto source = required_text_in(c.input, "SourceArn");
  if (!source) return source.error();
  auto max = number_in(c.input, "MaxResults", 1, 10, "Must be >= 1 and <= 10, if provided.");
  if (!max) return max.error();
  auto tasks = c.on.queues.moves_of(*source, c.now);
  if (!tasks) return tasks.error();
  const auto count = std::min(tasks->size(), static_cast<std::size_t>(max->value_or(1)));
  json_writer w(c.out);
  w.open('{').key("Results").open('[');
  for (std::size_t i = 0; i < count; ++i) write_move_task(w, *(*tasks)[i]);
  w.close(']').close('}');
  return {};
}

outcome<> cancel_message_move_task(call& c) {
  auto handle = required_text_in(c.input, "TaskHandle");
  if (!handle) return handle.error();
  auto task = c.on.queues.cancel_move(*handle, c.now);
  if (!task) return task.error();
  json_writer(c.out).open('{').key("ApproximateNumberOfMessagesMoved").number((*task)->moved).close('}');
  return {};
}

}  // namespace sluice::sqs_server
