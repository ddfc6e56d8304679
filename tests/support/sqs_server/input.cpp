#include "support/sqs_server/input.hpp"

#include <fmt/format.h>

namespace sluice::sqs_server {
namespace {

template <class T>
outcome<std::optional<T>> member(const simdjson::dom::object& o, std::string_view name,
                                 std::string_view type) {
  simdjson::dom::element value;
  if (o[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::optional<T>();
  T typed{};
  if (value.get(typed) != simdjson::SUCCESS) {
    return errors::serialization(fmt::format("The value of {} can not be converted to {}.", name, type));
  }
  return std::optional<T>(typed);
}

}  // namespace

outcome<std::optional<std::string_view>> text_in(const simdjson::dom::object& o, std::string_view name) {
  return member<std::string_view>(o, name, "a String");
}

outcome<std::string_view> required_text_in(const simdjson::dom::object& o, std::string_view name) {
  auto text = text_in(o, name);
  if (!text) return text.error();
  if (!*text || (*text)->empty()) return errors::missing_parameter(name);
  return **text;
}

outcome<std::optional<std::int64_t>> number_in(const simdjson::dom::object& o, std::string_view name) {
  return member<std::int64_t>(o, name, "an Integer");
}

outcome<std::optional<std::int64_t>> number_in(const simdjson::dom::object& o, std::string_view name,
                                               std::int64_t min, std::int64_t max, std::string_view reason) {
  auto number = number_in(o, name);
  if (number && *number && (**number < min || **number > max)) {
    return errors::invalid_value(fmt::to_string(**number), name, reason);
  }
  return number;
}

outcome<std::optional<simdjson::dom::array>> array_in(const simdjson::dom::object& o, std::string_view name) {
  return member<simdjson::dom::array>(o, name, "a List");
}

outcome<std::optional<simdjson::dom::object>> object_in(const simdjson::dom::object& o,
                                                        std::string_view name) {
  return member<simdjson::dom::object>(o, name, "a Map");
}

outcome<attribute_map> text_map_in(const simdjson::dom::object& o, std::string_view name) {
  auto object = object_in(o, name);
  if (!object) return object.error();
  attribute_map map;
  if (!*object) return map;
  for (const auto& [key, value] : **object) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) {
      return errors::serialization(fmt::format("The values of {} can not be converted to a String.", name));
    }
    map.emplace(key, text);
  }
  return map;
}

}  // namespace sluice::sqs_server
