#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

/// How the environment is read: injected, so that pure code and tests need none. Empty values count as unset.
using environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The process's environment.
environment process_environment();

}  // namespace sluice::aws
