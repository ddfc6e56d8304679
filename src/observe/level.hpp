#pragma once

#include <string_view>

namespace sluice::observe {

/// What the operator must do: error, act now; warning, look soon; info, nothing; debug is for us. Off is no
/// event's level: it is for a log that shows none.
enum class level { debug, info, warning, error, off };

constexpr std::string_view to_string(level l) noexcept {
  switch (l) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warning: return "warning";
    case level::error: return "error";
    case level::off: return "off";
  }
  return "info";
}

}  // namespace sluice::observe
