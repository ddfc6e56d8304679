#include <algorithm>
#include <array>

#include "support/sqs_server/digest.hpp"
#include "support/sqs_server/input.hpp"
#include "support/sqs_server/operations_message.hpp"
#include "support/sqs_server/operations_queue.hpp"

namespace sluice::sqs_server {
namespace {

enum class system_attribute : std::uint8_t {
  sender_id,
  sent_timestamp,
  receive_count,
  first_receive,
  sequence,
  deduplication,
  group,
  trace,
  dead_letter_source
};
constexpr std::string_view system_attribute_names[] = {"SenderId",
                                                       "SentTimestamp",
                                                       "ApproximateReceiveCount",
                                                       "ApproximateFirstReceiveTimestamp",
                                                       "SequenceNumber",
                                                       "MessageDeduplicationId",
                                                       "MessageGroupId",
                                                       "AWSTraceHeader",
                                                       "DeadLetterQueueSourceArn"};
constexpr std::string_view sender_id = "AIDALOCALSQSSERVER001";

constexpr std::uint32_t bit(system_attribute a) {
  return 1u << static_cast<unsigned>(a);
}

outcome<> read_system_names(const simdjson::dom::object& input, std::string_view member,
                            attribute_filter& f) {
  auto names = array_in(input, member);
  if (!names) return names.error();
  if (!*names) return {};
  for (const auto element : **names) {
    std::string_view name;
    if (element.get(name)) return errors::serialization(fmt::format("{} is a list of String.", member));
    if (name == "All") {
      f.system = ~0u;
      continue;
    }
    const auto found = std::ranges::find(system_attribute_names, name);
    if (found == std::end(system_attribute_names)) {
      return errors::invalid_attribute_name(fmt::format("Unknown Attribute {}.", name));
    }
    f.system |= 1u << static_cast<unsigned>(found - system_attribute_names);
  }
  return {};
}

outcome<attribute_filter> read_filter(const simdjson::dom::object& input) {
  attribute_filter f;
  for (const std::string_view member : {"MessageSystemAttributeNames", "AttributeNames"}) {
    if (auto read = read_system_names(input, member, f); !read) return read.error();
  }
  auto names = array_in(input, "MessageAttributeNames");
  if (!names) return names.error();
  if (!*names) return f;
  for (const auto element : **names) {
    std::string_view name;
    if (element.get(name)) return errors::serialization("MessageAttributeNames is a list of String.");
    if (name == "All" || name == ".*") {
      f.all = true;
    } else if (name.ends_with(".*")) {
      f.prefixes.emplace_back(name.substr(0, name.size() - 1));
    } else {
      f.names.emplace_back(name);
    }
  }
  return f;
}

bool wants(const attribute_filter& f, const message_attribute& a) {
  return std::ranges::find(f.names, a.name) != f.names.end() ||
         std::ranges::any_of(f.prefixes, [&](const auto& p) { return a.name.starts_with(p); });
}

void write_system_attributes(json_writer& w, const message& m, std::uint32_t wanted) {
  const auto has = [&](system_attribute a) { return (wanted & bit(a)) != 0; };
  const auto name = [](system_attribute a) { return system_attribute_names[static_cast<unsigned>(a)]; };
  const auto put = [&](system_attribute a, std::string_view value) {
    if (has(a) && !value.empty()) w.key(name(a)).string(value);
  };
  const auto put_number = [&](system_attribute a, auto value) {
    if (has(a)) w.key(name(a)).quoted_number(value);
  };
  w.key("Attributes").open('{');
  put(system_attribute::sender_id, sender_id);
  put_number(system_attribute::sent_timestamp, m.sent.time_since_epoch().count());
  put_number(system_attribute::receive_count, m.receive_count);
  put_number(system_attribute::first_receive, m.first_received.time_since_epoch().count());
  if (m.group != nullptr && has(system_attribute::sequence)) {
    put(system_attribute::sequence, sequence_text(m.sequence));
  }
  put(system_attribute::deduplication, m.content->deduplication_id);
  put(system_attribute::group, m.content->group);
  put(system_attribute::trace, m.content->trace_header);
  if (m.dead_letter_source != nullptr) put(system_attribute::dead_letter_source, *m.dead_letter_source);
  w.close('}');
}

void write_message_attributes(json_writer& w, const payload& p, const attribute_filter& f) {
  std::vector<const message_attribute*> chosen;
  for (const auto& a : p.attributes) {
    if (f.all || wants(f, a)) chosen.push_back(&a);
  }
  if (chosen.empty()) return;
  // The digest covers what is returned, not what was sent.
  w.key("MD5OfMessageAttributes").raw_string(f.all ? p.attributes_md5 : md5_of_attributes(chosen));
  w.key("MessageAttributes").open('{');
  for (const message_attribute* a : chosen) {
    w.key(a->name).open('{').key("DataType").string(a->data_type);
    if (a->binary) {
      w.key("BinaryValue").raw_string(base64(a->value));
    } else {
      w.key("StringValue").string(a->value);
    }
    w.close('}');
  }
  w.close('}');
}

void write_message(json_writer& w, const queue::received& r, const state& on, const attribute_filter& f) {
  const message& m = *r.what;
  const payload& p = *m.content;
  const receipt_codec::text receipt = on.receipts.encode(r.receipt);
  w.open('{').key("MessageId").raw_string(to_string(m.id));
  w.key("ReceiptHandle").raw_string({receipt.data(), receipt.size()});
  w.key("MD5OfBody").raw_string(p.body_md5).key("Body").raw_string(p.body_json);
  if (f.system != 0) write_system_attributes(w, m, f.system);
  if (!p.attributes.empty()) write_message_attributes(w, p, f);
  w.close('}');
}

constexpr std::string_view visibility_rule = "Must be >= 0 and <= 43200, if provided.";
constexpr std::string_view wait_rule = "Must be >= 0 and <= 20, if provided.";
constexpr std::string_view count_rule = "Must be between 1 and 10, if provided.";

}  // namespace

std::string sequence_text(std::uint64_t sequence) {
  return fmt::format("1{:019}", sequence);  // 20 digits, as on SQS
}

outcome<bool> try_receive(state& on, const receive_call& r, instant now, std::string& out) {
  queue* const q = on.queues.find(r.queue_name);
  if (q == nullptr) return errors::queue_does_not_exist();
  auto& messages = on.scratch;
  messages.clear();
  auto received = q->receive({r.count_max, r.visibility, r.attempt_id}, now, messages);
  if (!received) return received.error();
  if (messages.empty() && now < r.deadline) return false;

  json_writer w(out);
  w.open('{');
  if (!messages.empty()) {
    w.key("Messages").open('[');
    for (const queue::received& one : messages) write_message(w, one, on, r.filter);
    w.close(']');
    for (const queue::received& one : messages) {
      if (on.faults.duplicates()) q->duplicate(*one.what, now);
    }
  }
  w.close('}');
  return true;
}

outcome<> receive_message(call& c) {
  auto found = queue_of(c);
  if (!found) return found.error();
  queue& q = **found;
  auto count = number_in(c.input, "MaxNumberOfMessages", 1, 10, count_rule);
  if (!count) return count.error();
  auto visibility = number_in(c.input, "VisibilityTimeout", 0, 43'200, visibility_rule);
  if (!visibility) return visibility.error();
  auto wait = number_in(c.input, "WaitTimeSeconds", 0, 20, wait_rule);
  if (!wait) return wait.error();
  auto attempt = text_in(c.input, "ReceiveRequestAttemptId");
  if (!attempt) return attempt.error();
  if (*attempt && !q.fifo()) {
    return errors::invalid_value(**attempt, "ReceiveRequestAttemptId",
                                 "The request includes a parameter that is not valid for this queue type.");
  }
  auto filter = read_filter(c.input);
  if (!filter) return filter.error();

  const auto seconds_or = [](const auto& given, seconds otherwise) {
    return given ? seconds(*given) : otherwise;
  };
  receive_call r{q.name(),
                 static_cast<std::size_t>(count->value_or(1)),
                 seconds_or(*visibility, q.settings().visibility()),
                 std::string(attempt->value_or("")),
                 std::move(*filter),
                 c.now + seconds_or(*wait, q.settings().wait())};
  auto done = try_receive(c.on, r, c.now, c.out);
  if (!done) return done.error();
  if (!*done) c.waiting = std::move(r);
  return {};
}

}  // namespace sluice::sqs_server
