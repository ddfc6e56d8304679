#include <fmt/format.h>

#include <array>
#include <iterator>

#include "sqs/codec.hpp"

namespace sluice::sqs {
namespace {

// What follows the backslash: 0 for bytes that stand for themselves, 'u' for \u00XX.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr auto escapes = make_escapes();

template <class... Values>
void append(std::string& out, fmt::format_string<Values...> text, Values&&... values) {
  fmt::format_to(std::back_inserter(out), text, std::forward<Values>(values)...);
}

void append_name(std::string& out, char before, std::string_view name) {
  out += before;
  ((out += '"') += name) += "\":";
}

void begin(std::string& out, std::string_view name, std::string_view value) {
  out.clear();
  append_name(out, '{', name);
  append_json_string(out, value);
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, ',', name);
  append_json_string(out, value);
}

// A map with the comma where it belongs; `append_value` appends one value.
template <class Map, class AppendValue>
void append_map(std::string& out, std::string_view name, const Map& map, AppendValue append_value) {
  append(out, R"(,"{}":{{)", name);
  for (const char* comma = ""; const auto& [key, value] : map) {
    out += comma;
    comma = ",";
    append_json_string(out, key);
    out += ':';
    append_value(value);
  }
  out += '}';
}

void begin_entry(std::string& out, std::size_t i) {
  if (i > 0) out += ',';
  out += R"({"Id":")";
  out += static_cast<char>('0' + i);
  out += '"';
}

// Without an early end, so that compilers use vector instructions.
bool has_escapes(std::string_view text) noexcept {
  bool found = false;
  for (const char c : text) found |= static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
  return found;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  if (!has_escapes(text)) {
    (out += text) += '"';
    return;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = escapes[byte];
    if (escape == 0) continue;
    out.append(text, kept, i - kept);
    kept = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') append(out, "{:04x}", byte);
  }
  out.append(text, kept);
  out += '"';
}

void encode_get_queue_url(std::string& out, std::string_view name) {
  begin(out, "QueueName", name);
  out += '}';
}

void encode_create_queue(std::string& out, std::string_view name,
                         const std::map<std::string, std::string>& attributes) {
  begin(out, "QueueName", name);
  append_map(out, "Attributes", attributes,
             [&](const std::string& value) { append_json_string(out, value); });
  out += '}';
}

void encode_get_attributes(std::string& out, std::string_view queue_url) {
  begin(out, "QueueUrl", queue_url);
  out += R"(,"AttributeNames":["All"]})";
}

void encode_purge(std::string& out, std::string_view queue_url) {
  begin(out, "QueueUrl", queue_url);
  out += '}';
}

void encode_start_move_task(std::string& out, std::string_view source_arn, std::string_view destination_arn) {
  begin(out, "SourceArn", source_arn);
  if (!destination_arn.empty()) append_member(out, "DestinationArn", destination_arn);
  out += '}';
}

void encode_list_move_tasks(std::string& out, std::string_view source_arn) {
  begin(out, "SourceArn", source_arn);
  out += R"(,"MaxResults":1})";
}

void encode_receive(std::string& out, std::string_view queue_url, const receive_options& o) {
  begin(out, "QueueUrl", queue_url);
  append(out, R"(,"MaxNumberOfMessages":{},"WaitTimeSeconds":{})", o.messages_max, o.wait.count());
  if (o.visibility.count() > 0) append(out, R"(,"VisibilityTimeout":{})", o.visibility.count());
  out += R"(,"MessageSystemAttributeNames":["SentTimestamp","ApproximateReceiveCount","MessageGroupId")";
  if (o.trace_header) out += R"(,"AWSTraceHeader")";
  out += ']';
  if (!o.attributes.empty()) {
    out += R"(,"MessageAttributeNames":[)";
    for (const char* comma = ""; const std::string& name : o.attributes) {
      out += comma;
      comma = ",";
      append_json_string(out, name);
    }
    out += ']';
  }
  out += '}';
}

void encode_delete_batch(std::string& out, std::string_view queue_url,
                         std::span<const std::string_view> receipt_handles) {
  begin(out, "QueueUrl", queue_url);
  out += R"(,"Entries":[)";
  for (std::size_t i = 0; i < receipt_handles.size(); ++i) {
    begin_entry(out, i);
    append_member(out, "ReceiptHandle", receipt_handles[i]);
    out += '}';
  }
  out += "]}";
}

void encode_change_visibility_batch(std::string& out, std::string_view queue_url,
                                    std::span<const std::string_view> receipt_handles,
                                    std::chrono::seconds visibility) {
  begin(out, "QueueUrl", queue_url);
  out += R"(,"Entries":[)";
  for (std::size_t i = 0; i < receipt_handles.size(); ++i) {
    begin_entry(out, i);
    append_member(out, "ReceiptHandle", receipt_handles[i]);
    append(out, R"(,"VisibilityTimeout":{}}})", visibility.count());
  }
  out += "]}";
}

void encode_send_batch(std::string& out, std::string_view queue_url, std::span<const outgoing> messages) {
  begin(out, "QueueUrl", queue_url);
  out += R"(,"Entries":[)";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const outgoing& m = messages[i];
    begin_entry(out, i);
    append_member(out, "MessageBody", m.body);
    if (!m.group_id.empty()) append_member(out, "MessageGroupId", m.group_id);
    if (!m.deduplication_id.empty()) append_member(out, "MessageDeduplicationId", m.deduplication_id);
    if (!m.attributes.empty()) {
      append_map(out, "MessageAttributes", m.attributes, [&](const std::string& value) {
        out += R"({"DataType":"String")";
        append_member(out, "StringValue", value);
        out += '}';
      });
    }
    out += '}';
  }
  out += "]}";
}

}  // namespace sluice::sqs
