#pragma once

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/failure.hpp"
#include "record/names.hpp"

namespace sluice::record {

/// One table of a plan's file, and how its mistakes are told: "file.toml:12: what", then what to do. Views of
/// the document and of both names.
class toml_section {
 public:
  toml_section(const toml::table& t, std::string_view file, std::string_view title)
      : table_(t), file_(file), title_(title) {}

  std::string_view file() const noexcept { return file_; }
  unsigned line() const noexcept { return table_.source().begin.line; }
  const toml::node* find(std::string_view key) const { return table_.get(key); }

  /// A failure at the line of a key; at the section's own when it has no such key.
  failure wrong(std::string_view key, std::string_view what, std::string fix = {}) const;

  /// Refuses all other keys.
  result<> only(std::span<const std::string_view> known) const;

  /// The key's value, or `otherwise` when it is not there. T: std::string, std::int64_t or bool.
  template <class T>
  result<T> get(std::string_view key, T otherwise) const;

  /// The value of a key that must be there and name something in SQL.
  result<std::string> identifier(std::string_view key) const;

  /// `text`, the value of `key`, as one of `all`.
  template <class Enum>
  result<Enum> choice(std::string_view key, std::string_view text, std::span<const named<Enum>> all) const;

 private:
  const toml::table& table_;
  std::string_view file_;
  std::string_view title_;
};

template <class T>
result<T> toml_section::get(std::string_view key, T otherwise) const {
  constexpr std::string_view kind = std::is_same_v<T, bool>          ? "true or false"
                                    : std::is_same_v<T, std::string> ? "text in quotes"
                                                                     : "a whole number";
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<T>();
  if (!value) return wrong(key, fmt::format("'{}' must be {}", key, kind));
  return *value;
}

template <class Enum>
result<Enum> toml_section::choice(std::string_view key, std::string_view text,
                                  std::span<const named<Enum>> all) const {
  if (const auto found = find_name(all, text)) return *found;
  std::vector<std::string_view> names;
  for (const auto& one : all) names.push_back(one.name);
  return wrong(key, fmt::format("unknown {} '{}'", key, text), suggest(text, names));
}

}  // namespace sluice::record
