#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "support/sqs_server/error.hpp"
#include "support/sqs_server/settings.hpp"

namespace sluice::sqs_server {

// Members of a request. A wrong type is a SerializationException; null is the same as absent.

outcome<std::optional<std::string_view>> text_in(const simdjson::dom::object& o, std::string_view name);
/// A missing or empty text is MissingRequiredParameterException.
outcome<std::string_view> required_text_in(const simdjson::dom::object& o, std::string_view name);
outcome<std::optional<std::int64_t>> number_in(const simdjson::dom::object& o, std::string_view name);
/// Out of range is "Value <n> for parameter <name> is invalid. Reason: <reason>".
outcome<std::optional<std::int64_t>> number_in(const simdjson::dom::object& o, std::string_view name,
                                               std::int64_t min, std::int64_t max, std::string_view reason);
outcome<std::optional<simdjson::dom::array>> array_in(const simdjson::dom::object& o, std::string_view name);
outcome<std::optional<simdjson::dom::object>> object_in(const simdjson::dom::object& o,
                                                        std::string_view name);
/// {"name": "text", ...}; empty if absent.
outcome<attribute_map> text_map_in(const simdjson::dom::object& o, std::string_view name);

}  // namespace sluice::sqs_server
