#include "support/sqs_server/payload.hpp"

#include <algorithm>
#include <cctype>

#include "support/sqs_server/digest.hpp"
#include "support/sqs_server/input.hpp"
#include "support/sqs_server/json.hpp"

namespace sluice::sqs_server {
namespace {

constexpr std::size_t attributes_max = 10;
constexpr std::size_t name_bytes_max = 256;

/// XML 1.0's characters. `text` is UTF-8 (the parser saw to that), so that U+FFFE and U+FFFF are EF BF BE and
/// EF BF BF.
bool has_only_xml_characters(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
    if (c == 0xef && i + 2 < text.size() && static_cast<unsigned char>(text[i + 1]) == 0xbf &&
        static_cast<unsigned char>(text[i + 2]) >= 0xbe) {
      return false;
    }
  }
  return true;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

outcome<> check_attribute_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) {
    return errors::invalid_parameter("Message (user) attribute names must be shorter than 256 Bytes");
  }
  if (!std::ranges::all_of(name, is_word)) {
    return errors::invalid_parameter(
        "Message (user) attributes name can only contain upper and lower score characters, digits, periods, "
        "hyphens and underscores. ");
  }
  const auto starts = [&](std::string_view prefix) {
    return name.size() >= prefix.size() &&
           std::ranges::equal(name.substr(0, prefix.size()), prefix, [](char a, char b) {
             return std::tolower(static_cast<unsigned char>(a)) == b;
           });
  };
  if (starts("aws.") || starts("amazon.") || name.front() == '.' || name.back() == '.' ||
      name.find("..") != std::string_view::npos) {
    return errors::invalid_parameter(
        "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are "
        "reserved "
        "for internal use. Additionally, they cannot start or end with '.'.");
  }
  return {};
}

bool is_number(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return text.find_first_not_of("0123456789+-.eE") == std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

outcome<message_attribute> read_attribute(std::string_view name, const simdjson::dom::object& input) {
  auto type = text_in(input, "DataType");
  if (!type) return type.error();
  if (!*type || (*type)->empty()) {
    return errors::invalid_parameter(
        fmt::format("The message attribute '{}' must contain non-empty message attribute type.", name));
  }
  const std::string_view base = (*type)->substr(0, (*type)->find('.'));
  if ((*type)->size() > name_bytes_max || (base != "String" && base != "Number" && base != "Binary")) {
    return errors::invalid_parameter(fmt::format(
        "The message attribute '{}' has an invalid message attribute type, the set of supported type "
        "prefixes is Binary, Number, and String.",
        name));
  }
  message_attribute a{std::string(name), std::string(**type), {}, base == "Binary"};
  auto value = text_in(input, a.binary ? "BinaryValue" : "StringValue");
  if (!value) return value.error();
  if (!*value || (*value)->empty()) {
    return errors::invalid_parameter(
        fmt::format("Message (user) attribute '{}' must contain a non-empty value of type '{}'.", name,
                    a.binary ? "Binary" : "String"));
  }
  if (a.binary) {
    auto bytes = unbase64(**value);
    if (!bytes) return errors::serialization(fmt::format("BinaryValue of {} is not base64.", name));
    a.value = std::move(*bytes);
  } else {
    if (!has_only_xml_characters(**value)) return errors::invalid_message_contents();
    if (base == "Number" && !is_number(**value)) {
      return errors::invalid_parameter(
          fmt::format("Can't cast the value of message (user) attribute '{}' to a number.", name));
    }
    a.value = **value;
  }
  return a;
}

outcome<> read_attributes(const simdjson::dom::object& input, payload& p) {
  auto given = object_in(input, "MessageAttributes");
  if (!given) return given.error();
  if (!*given) return {};
  for (const auto& [name, value] : **given) {
    simdjson::dom::object object;
    if (value.get(object)) return errors::serialization("MessageAttributes is a Map of structures.");
    if (auto checked = check_attribute_name(name); !checked) return checked;
    auto attribute = read_attribute(name, object);
    if (!attribute) return attribute.error();
    p.size += attribute->name.size() + attribute->data_type.size() + attribute->value.size();
    p.attributes.push_back(std::move(*attribute));
  }
  if (p.attributes.size() > attributes_max) {
    return errors::invalid_parameter(fmt::format(
        "Number of message attributes [{}] exceeds the allowed maximum [10].", p.attributes.size()));
  }
  std::ranges::sort(p.attributes, {}, &message_attribute::name);
  std::vector<const message_attribute*> pointers;
  for (const auto& a : p.attributes) pointers.push_back(&a);
  p.attributes_md5 = md5_of_attributes(pointers);
  return {};
}

outcome<> read_system_attributes(const simdjson::dom::object& input, payload& p) {
  auto given = object_in(input, "MessageSystemAttributes");
  if (!given) return given.error();
  if (!*given) return {};
  for (const auto& [name, value] : **given) {
    simdjson::dom::object object;
    if (value.get(object)) return errors::serialization("MessageSystemAttributes is a Map of structures.");
    if (name != "AWSTraceHeader") {
      return errors::invalid_parameter(fmt::format("Message system attribute name '{}' is invalid.", name));
    }
    auto attribute = read_attribute(name, object);
    if (!attribute) return attribute.error();
    const message_attribute* const one[] = {&*attribute};
    p.trace_md5 = md5_of_attributes(one);
    p.trace_header = attribute->value;
  }
  return {};
}

outcome<std::string_view> fifo_id(const simdjson::dom::object& input, std::string_view name) {
  auto id = text_in(input, name);
  if (!id) return id.error();
  if (!*id) return std::string_view();
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if ((*id)->empty() || (*id)->size() > 128 || !std::ranges::all_of(**id, visible)) {
    return errors::invalid_value(
        **id, name,
        fmt::format("{} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
                    name));
  }
  return **id;
}

/// MessageGroupId and MessageDeduplicationId as the type of the queue wants them.
outcome<> read_fifo_members(const queue& q, const simdjson::dom::object& input, payload& p) {
  auto group = fifo_id(input, "MessageGroupId");
  if (!group) return group.error();
  auto deduplication = fifo_id(input, "MessageDeduplicationId");
  if (!deduplication) return deduplication.error();
  p.group = *group;
  p.deduplication_id = *deduplication;
  if (!q.fifo()) {
    if (deduplication->empty()) return {};
    return errors::invalid_value(*deduplication, "MessageDeduplicationId",
                                 "The request includes a parameter that is not valid for this queue type.");
  }
  if (group->empty()) return errors::missing_parameter("MessageGroupId");
  if (deduplication->empty() && !q.settings().content_based_deduplication()) {
    return errors::invalid_parameter(no_deduplication_id);
  }
  return {};
}

}  // namespace

payload_ptr make_payload(std::string_view body) {
  boost::intrusive_ptr<payload> p(new payload);
  append_escaped(p->body_json, body);
  p->body_md5 = md5_hex(body);
  p->size = body.size();
  return p;
}

outcome<payload_ptr> read_payload(const queue& q, const simdjson::dom::object& input) {
  auto body = required_text_in(input, "MessageBody");
  if (!body) return body.error();
  if (!has_only_xml_characters(*body)) return errors::invalid_message_contents();

  boost::intrusive_ptr<payload> p(new payload);
  append_escaped(p->body_json, *body);
  p->body_md5 = md5_hex(*body);
  p->size = body->size();
  if (auto read = read_attributes(input, *p); !read) return read.error();
  if (auto read = read_system_attributes(input, *p); !read) return read.error();
  if (auto read = read_fifo_members(q, input, *p); !read) return read.error();
  if (q.fifo() && p->deduplication_id.empty()) p->deduplication_id = sha256_hex(*body);
  return payload_ptr(std::move(p));
}

}  // namespace sluice::sqs_server
