#include "sqs/attribute_text.hpp"

#include <algorithm>
#include <cstdint>

#include "core/encoding.hpp"

namespace sluice::sqs {

std::optional<std::string_view> attribute_text::operator()(simdjson::dom::object attributes) {
  sorted_.clear();
  text_.clear();
  for (const auto& [name, attribute] : attributes) sorted_.emplace_back(name, attribute);
  std::ranges::sort(sorted_, {}, [](const auto& one) { return one.first; });
  for (const auto& [name, attribute] : sorted_) {
    append_sized(name);
    if (!append(attribute)) return std::nullopt;
  }
  return text_;
}

bool attribute_text::append(simdjson::dom::element attribute) {
  std::string_view data_type, value;
  if (attribute["DataType"].get(data_type) != simdjson::SUCCESS) return false;
  append_sized(data_type);
  if (attribute["StringValue"].get(value) == simdjson::SUCCESS) {
    text_ += '\x01';
    append_sized(value);
    return true;
  }
  if (attribute["BinaryValue"].get(value) != simdjson::SUCCESS) return false;
  const auto bytes = unbase64(value);
  if (!bytes) return false;
  text_ += '\x02';
  append_sized(*bytes);
  return true;
}

void attribute_text::append_sized(std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U}) text_ += static_cast<char>(size >> shift & 0xFFU);
  text_ += part;
}

}  // namespace sluice::sqs
