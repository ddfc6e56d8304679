#include "record/business_key.hpp"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "record/pointer.hpp"

namespace sluice::record {
namespace {

// Each with its length in front: no two lists of texts read the same.
void append(std::string& to, std::string_view text) {
  fmt::format_to(std::back_inserter(to), "s{}:{}", text.size(), text);
}

std::string domain_of(const plan& p) {
  std::string domain = "business key ";
  append(domain, p.schema);
  append(domain, p.table);
  for (const std::string& pointer : p.business_key) append(domain, pointer);
  return domain;
}

}  // namespace

result<business_key> business_key::make(const plan& p, field_tree& fields,
                                        const std::shared_ptr<const mask::key_ring>& keys) {
  if (!keys) {
    return failure{errc::missing_key, "load.key is set, and there is no key to hide its values with",
                   "make one with `sluice keygen` and set SLUICE_KEYS to what it prints"};
  }
  const auto key = keys->derive(keys->primary(), "ledger", domain_of(p), mask::hmac_sha256::size);
  if (!key) return key.error();
  business_key made{mask::hmac_sha256(key->reveal())};
  for (const std::string& pointer : p.business_key) {
    const auto names = split_pointer(pointer);
    if (!names) {
      return failure{errc::bad_configuration, fmt::format("load.key: '{}' is no JSON pointer", pointer),
                     "write it as /field or /object/field"};
    }
    made.parts_.push_back({pointer, fields.add(*names)});
  }
  return made;
}

reason business_key::read(const field_tree& found, uuid& id, std::string_view& at) {
  text_.clear();
  for (const part& p : parts_) {
    at = p.pointer;
    if (!found.has(p.field)) return reasons::missing_field;
    const simdjson::dom::element value = found.value(p.field);
    if (value.is_null()) return reasons::null_value;
    std::string_view text;
    std::int64_t number = 0;
    if (value.get(text) == simdjson::SUCCESS) {
      append(text_, text);
    } else if (value.get(number) == simdjson::SUCCESS) {
      fmt::format_to(std::back_inserter(text_), "i{};", number);
    } else {
      return reasons::wrong_type;
    }
  }
  const auto digest = hash_.of(text_);
  std::memcpy(id.data(), digest.data(), id.size());
  return reasons::none;
}

}  // namespace sluice::record
