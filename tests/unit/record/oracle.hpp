#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fixture.hpp"

namespace tests {

/// What a body should become, worked out slowly from another JSON library and from the plan: an empty
/// `reason` means a row.
struct expectation {
  std::string reason;
  std::string column;
  copy_tuple fields;  ///< jsonb fields: see `same_field`
};
expectation expect(const sluice::record::plan& p, std::string_view body, const sluice::record::envelope& e);

/// Bytes for bytes; for jsonb, the same JSON value.
bool same_field(const sluice::record::column& c, const copy_field& expected, const copy_field& got);

}  // namespace tests
