#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::record {

/// Splits a JSON pointer (RFC 6901) into its unescaped names. Nothing when it is not one.
std::optional<std::vector<std::string>> split_pointer(std::string_view pointer);

/// One name as a part of a pointer: "/a~1b" for "a/b".
std::string escape_pointer(std::string_view name);

}  // namespace sluice::record
