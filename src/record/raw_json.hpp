#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::record {

/// The text of one value of an object or array, as the sender wrote it: simdjson's dom keeps numbers only as
/// 64 bits, and jsonb can hold all their digits. `container` is valid JSON (a parser has taken it), has that
/// member, and may begin with blanks.
std::string_view raw_member(std::string_view container, std::size_t ordinal) noexcept;

/// Whether a string or key of `json` (valid) holds U+0000, which can only be written as an escape.
bool has_nul_escape(std::string_view json) noexcept;

}  // namespace sluice::record
