#include "record/json_parser.hpp"

#include <new>

#include "record/raw_json.hpp"

namespace sluice::record {
namespace {

/// RFC 8259, section 8.1: not allowed. Some versions of simdjson skip it, others refuse it.
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

reason json_parser::parse(std::string_view text, simdjson::dom::element& document) {
  if (text.starts_with(byte_order_mark)) return reasons::not_json;
  auto error = parser_.parse(text.data(), text.size(), false).get(document);
  if (error == simdjson::SUCCESS) return reasons::none;
  if (error != simdjson::DEPTH_ERROR && error != simdjson::MEMALLOC && tame_numbers(text, tamed_)) {
    tamed_.append(simdjson::SIMDJSON_PADDING, ' ');
    error = parser_.parse(tamed_.data(), text.size(), false).get(document);
    if (error == simdjson::SUCCESS) return reasons::none;
  }
  switch (error) {
    case simdjson::DEPTH_ERROR: return reasons::too_deep;
    case simdjson::MEMALLOC: throw std::bad_alloc();
    default: return reasons::not_json;
  }
}

}  // namespace sluice::record
