#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "record/plan.hpp"

namespace sluice::record {

template <class Enum>
struct named {
  std::string_view name;
  Enum value;
};

/// As they are written in a plan's file.
std::span<const named<column_type>> column_types() noexcept;
std::span<const named<transform>> transforms() noexcept;
std::span<const named<source>> sources() noexcept;  ///< those that are told with an @, without it
std::span<const named<body_form>> body_forms() noexcept;

template <class Enum>
std::optional<Enum> find_name(std::span<const named<Enum>> all, std::string_view name) noexcept {
  const auto found = std::ranges::find(all, name, &named<Enum>::name);
  return found == all.end() ? std::nullopt : std::optional(found->value);
}

template <class Enum>
std::string_view name_of(std::span<const named<Enum>> all, Enum value) noexcept {
  const auto found = std::ranges::find(all, value, &named<Enum>::value);
  return found == all.end() ? std::string_view() : found->name;
}

/// "did you mean 'x'?" with the candidate that is at most two typing errors away, or "known are a, b, c".
std::string suggest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace sluice::record
