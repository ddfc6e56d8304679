#pragma once

#include <span>
#include <string_view>

#include "observe/counters.hpp"

namespace sluice::observe {

/// A member of `counters` and its names for the outside: `key` in /status.json, `metric` in /metrics (by
/// Prometheus' conventions), `help` in both references.
template <class Kind>
struct figure {
  std::string_view key;
  std::string_view metric;
  std::string_view help;
  Kind counters::* member;
};

std::span<const figure<counter>> counter_figures() noexcept;
std::span<const figure<gauge>> gauge_figures() noexcept;
std::span<const figure<histogram>> histogram_figures() noexcept;

}  // namespace sluice::observe
