#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "record/reasons.hpp"

namespace sluice::record {

/// simdjson's dom parser, which validates the whole of a text, for numbers of any size (see tame_numbers).
class json_parser {
 public:
  /// SIMDJSON_PADDING readable bytes follow `text`. What `document` becomes is a view, until the next call.
  reason parse(std::string_view text, simdjson::dom::element& document);

 private:
  simdjson::dom::parser parser_;
  std::string tamed_;
};

}  // namespace sluice::record
