#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "core/secret.hpp"

namespace sluice::mask {

enum class scheme { aes_siv, hmac_sha256, redact, partial, base64 };
std::string_view to_string(scheme s) noexcept;

/// Keys by id, one of them primary. Read from TOML (`SLUICE_KEYS`, or the file named by `SLUICE_KEYS_FILE`):
///
///     primary = "2026a"
///     [keys]
///     2026a = "base64 of 32 or more random bytes"
///
/// Immutable; shared by readers. Never printed.
class key_ring {
 public:
  /// Refuses (`missing_key`, `bad_configuration`): no primary, a primary that is not there, a key under 32
  /// bytes, an id that is not [A-Za-z0-9_-]{1,16}, bad base64, unknown keys of the file (with the line).
  static result<std::shared_ptr<const key_ring>> parse(std::string_view toml, std::string_view source_name);
  /// A new ring with one random key, as TOML that `parse` takes and that is one line when `one_line`.
  static std::string generate(std::string_view id);

  const std::string& primary() const noexcept { return primary_; }
  std::vector<std::string> ids() const;
  /// HKDF-SHA256 (RFC 5869) of the key `id`, info = "sluice/v1/<scheme>/<domain>", `bytes` long.
  result<secret> derive(std::string_view id, std::string_view scheme_name, std::string_view domain,
                        std::size_t bytes) const;

 private:
  struct entry {
    std::string id;
    secret material;
  };
  std::string primary_;
  std::vector<entry> entries_;
};

}  // namespace sluice::mask
