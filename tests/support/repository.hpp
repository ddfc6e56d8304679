#pragma once

#include <string>
#include <string_view>

namespace tests {

/// The absolute path of a file of this repository, as "tests/data/aws/extra.json".
std::string repository_file(std::string_view path);

}  // namespace tests
