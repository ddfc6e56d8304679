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

  bool has_same_keys(const credentials& other) const {
    return access_key_id == other.access_key_id && secret_access_key == other.secret_access_key &&
           session_token == other.session_token;
  }
};

}  // namespace sluice::aws
