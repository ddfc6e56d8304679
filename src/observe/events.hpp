#pragma once

#include <span>
#include <string_view>

#include "observe/level.hpp"

namespace sluice::observe {

/// An event of the log. Its name is stable: alarms and searches may rely on it.
struct event {
  std::string_view name;
  level at;
  std::string_view meaning;
  std::string_view fix;  ///< what the operator does, where the line itself does not say; empty: nothing
};

/// All of them, in the order of a run. docs/events.md is made from this.
std::span<const event> all_events() noexcept;

/// Null if there is none of that name.
const event* find_event(std::string_view name) noexcept;

}  // namespace sluice::observe
