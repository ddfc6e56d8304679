#include "sqs/redrive.hpp"

#include <simdjson.h>

#include <charconv>

namespace sluice::sqs {

std::optional<redrive_policy> read_redrive_policy(const std::map<std::string, std::string>& attributes) {
  const auto found = attributes.find("RedrivePolicy");
  if (found == attributes.end()) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::object policy;
  std::string_view arn;
  if (parser.parse(found->second).get(policy) != simdjson::SUCCESS ||
      policy["deadLetterTargetArn"].get(arn) != simdjson::SUCCESS || arn.empty()) {
    return std::nullopt;
  }
  redrive_policy read{.target_arn = std::string(arn)};
  std::string_view text;
  std::uint64_t number = 0;
  if (policy["maxReceiveCount"].get(text) == simdjson::SUCCESS) {
    std::from_chars(text.data(), text.data() + text.size(), number);
  } else if (policy["maxReceiveCount"].get(number) != simdjson::SUCCESS) {
    number = 0;
  }
  read.receives_max = static_cast<std::uint32_t>(number);
  return read;
}

}  // namespace sluice::sqs
