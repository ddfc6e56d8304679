#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/failure.hpp"

namespace sluice::aws {

/// The text of an AWS config or credentials file, by section (SDK reference guide, "Format of the shared
/// files").
///
/// A property's continuation lines are joined with line feeds. Nested properties, as in `[services s]`, are
/// found as "sqs.endpoint_url". Blanks inside a section's name count as one; a later property of one name
/// wins.
struct config_file {
  struct property {
    std::string value;
    unsigned line = 0;
  };
  using section = std::map<std::string, property, std::less<>>;

  std::string path;  ///< for messages
  std::map<std::string, section, std::less<>> sections;

  const property* find(std::string_view section_name, std::string_view name) const;
  /// "path:line", for messages.
  std::string place(const property& p) const { return path + ':' + std::to_string(p.line); }
};

/// Pure. A line that is neither section, property nor comment is `bad_configuration`, with path and line.
result<config_file> parse_config_file(std::string_view text, std::string path);

/// A file that is not there is an empty one; one that cannot be read is `bad_configuration`.
result<config_file> load_config_file(const std::string& path);

}  // namespace sluice::aws
