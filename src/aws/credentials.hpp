#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/secret.hpp"

namespace sluice::aws {

struct credentials {
  std::string access_key_id;
  secret secret_access_key;
  secret session_token;  ///< empty for long-lived keys
  std::optional<std::chrono::sys_seconds> expires_at;
  std::string source;  ///< "environment", "profile default": for `check` and messages
};

}  // namespace sluice::aws
