#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::sqs {

/// The text whose digest MD5OfMessageAttributes is (SQS developer guide, "Calculating the MD5 message digest
/// for message attributes"): of each attribute, sorted by name, its name, its data type, 1 for a text or 2
/// for bytes, and its value. Sizes are 32 bits, big-endian. A Binary value is its bytes, not their base64.
///
/// Keeps its memory from one message to the next; not thread-safe.
class attribute_text {
 public:
  /// Of the MessageAttributes of a received message: SQS's digest is over those that it returns. A view,
  /// until the next call; nothing when a value is no attribute's.
  std::optional<std::string_view> operator()(simdjson::dom::object attributes);

 private:
  bool append(simdjson::dom::element attribute);
  void append_sized(std::string_view part);

  std::vector<std::pair<std::string_view, simdjson::dom::element>> sorted_;
  std::string text_;
};

}  // namespace sluice::sqs
