#include "record/toml_section.hpp"

#include <algorithm>

namespace sluice::record {

failure toml_section::wrong(std::string_view key, std::string_view what, std::string fix) const {
  const toml::node* node = find(key);
  const auto line = node != nullptr ? node->source().begin.line : table_.source().begin.line;
  return {errc::bad_configuration, fmt::format("{}:{}: {}", file_, line, what), std::move(fix)};
}

result<> toml_section::only(std::span<const std::string_view> known) const {
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    return wrong(key.str(), fmt::format("unknown key '{}' in {}", key.str(), title_),
                 suggest(key.str(), known));
  }
  return {};
}

result<std::string> toml_section::identifier(std::string_view key) const {
  if (find(key) == nullptr) return wrong(key, fmt::format("{} has no '{}'", title_, key));
  auto name = get<std::string>(key, {});
  if (!name) return name;
  if (name->empty() || name->size() > identifier_bytes_max || name->find('\0') != name->npos) {
    return wrong(key, fmt::format("'{}' must be 1 to {} bytes", key, identifier_bytes_max));
  }
  return name;
}

}  // namespace sluice::record
