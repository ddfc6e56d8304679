#include "support/sqs_server/settings.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>

namespace sluice::sqs_server {
namespace {

std::optional<long> parse_number(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

enum class kind { number, boolean, document, text, choice };
struct attribute_rule {
  std::string_view name;
  kind what;
  long min = 0;
  long max = 0;
  bool fifo_only = false;
  std::string_view choice_1 = {};
  std::string_view choice_2 = {};
};

constexpr attribute_rule rules[] = {
    {"ContentBasedDeduplication", kind::boolean, 0, 0, true},
    {"DeduplicationScope", kind::choice, 0, 0, true, "queue", "messageGroup"},
    {"DelaySeconds", kind::number, 0, 900},
    {"FifoQueue", kind::boolean},
    {"FifoThroughputLimit", kind::choice, 0, 0, true, "perQueue", "perMessageGroupId"},
    {"KmsDataKeyReusePeriodSeconds", kind::number, 60, 86'400},
    {"KmsMasterKeyId", kind::text},
    {"MaximumMessageSize", kind::number, 1'024, 1'048'576},
    {"MessageRetentionPeriod", kind::number, 60, 1'209'600},
    {"Policy", kind::document},
    {"ReceiveMessageWaitTimeSeconds", kind::number, 0, 20},
    {"RedriveAllowPolicy", kind::document},
    {"RedrivePolicy", kind::document},
    {"SqsManagedSseEnabled", kind::boolean},
    {"VisibilityTimeout", kind::number, 0, 43'200},
};

bool fits(const attribute_rule& rule, const std::string& value) {
  switch (rule.what) {
    case kind::number: {
      const auto number = parse_number(value);
      return number && *number >= rule.min && *number <= rule.max;
    }
    case kind::boolean: return value == "true" || value == "false";
    case kind::choice: return value == rule.choice_1 || value == rule.choice_2;
    case kind::text: return true;
    case kind::document: {
      simdjson::dom::parser parser;
      return value.empty() || parser.parse(value).is_object();
    }
  }
  return false;
}

}  // namespace

outcome<redrive_policy> parse_redrive_policy(const std::string& text) {
  const auto invalid = [&](std::string_view reason) {
    return errors::invalid_value(text, "RedrivePolicy", reason);
  };
  simdjson::dom::parser parser;
  simdjson::dom::object policy;
  if (parser.parse(text).get(policy) != simdjson::SUCCESS)
    return invalid("Redrive policy is not a valid JSON map.");

  redrive_policy parsed;
  std::string_view arn;
  if (policy["deadLetterTargetArn"].get(arn) != simdjson::SUCCESS) {
    return invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  }
  parsed.target_arn = arn;

  simdjson::dom::element count;
  if (policy["maxReceiveCount"].get(count) != simdjson::SUCCESS) {
    return invalid("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  }
  std::string_view count_text;
  std::int64_t value = 0;
  if (count.get(count_text) == simdjson::SUCCESS) {
    value = parse_number(count_text).value_or(0);
  } else if (count.get(value) != simdjson::SUCCESS) {
    value = 0;
  }
  if (value < 1 || value > 1'000) {
    return invalid(fmt::format(
        "Invalid value for maxReceiveCount: {}, valid values are from 1 to 1000 both inclusive.", value));
  }
  parsed.receives_max = static_cast<std::uint32_t>(value);
  return parsed;
}

queue_settings::queue_settings(bool fifo) : fifo_(fifo) {
  text_ = {{"DelaySeconds", "0"},
           {"MaximumMessageSize", "1048576"},
           {"MessageRetentionPeriod", "345600"},
           {"ReceiveMessageWaitTimeSeconds", "0"},
           {"SqsManagedSseEnabled", "true"},
           {"VisibilityTimeout", "30"}};
  if (fifo) {
    text_.insert({{"ContentBasedDeduplication", "false"},
                  {"DeduplicationScope", "queue"},
                  {"FifoQueue", "true"},
                  {"FifoThroughputLimit", "perQueue"}});
  }
  refresh();
}

outcome<> queue_settings::check(std::string_view name, const std::string& value) const {
  const auto rule = std::ranges::find(rules, name, &attribute_rule::name);
  if (rule == std::end(rules))
    return errors::invalid_attribute_name(fmt::format("Unknown Attribute {}.", name));
  if (name == "FifoQueue" && !fifo_) return errors::invalid_attribute_name("Unknown Attribute FifoQueue.");
  if (name == "FifoQueue" && value != "true") {
    return errors::invalid_attribute_value(
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.");
  }
  if (rule->fifo_only && !fifo_) {
    return errors::invalid_attribute_name(
        rule->what == kind::choice
            ? fmt::format("You can specify the {} only when FifoQueue is set to true.", name)
            : fmt::format("Unknown Attribute {}.", name));
  }
  if (!fits(*rule, value)) {
    return errors::invalid_attribute_value(fmt::format("Invalid value for the parameter {}.", name));
  }
  if (name == "RedrivePolicy" && !value.empty()) {
    if (auto policy = parse_redrive_policy(value); !policy) return policy.error();
  }
  return {};
}

outcome<> queue_settings::apply(const attribute_map& changes) {
  for (const auto& [name, value] : changes) {
    if (auto checked = check(name, value); !checked) return checked;
  }
  for (const auto& [name, value] : changes) {
    if (value.empty()) {
      text_.erase(name);
    } else {
      text_.insert_or_assign(name, value);
    }
  }
  refresh();
  return {};
}

void queue_settings::refresh() {
  const auto number = [&](std::string_view name) { return parse_number(text_.find(name)->second).value(); };
  const auto is = [&](std::string_view name, std::string_view value) {
    const auto found = text_.find(name);
    return found != text_.end() && found->second == value;
  };
  visibility_ = seconds(number("VisibilityTimeout"));
  delay_ = seconds(number("DelaySeconds"));
  wait_ = seconds(number("ReceiveMessageWaitTimeSeconds"));
  retention_ = seconds(number("MessageRetentionPeriod"));
  message_bytes_max_ = static_cast<std::size_t>(number("MaximumMessageSize"));
  content_based_deduplication_ = is("ContentBasedDeduplication", "true");
  deduplicates_by_group_ = is("DeduplicationScope", "messageGroup");
  redrive_.reset();
  if (const auto policy = text_.find("RedrivePolicy"); policy != text_.end()) {
    redrive_ = parse_redrive_policy(policy->second).value();
  }
}

}  // namespace sluice::sqs_server
