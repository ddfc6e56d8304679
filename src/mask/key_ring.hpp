#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "core/secret.hpp"

namespace sluice::mask {

/// Keys by id, one of them primary: it masks; the others (retired) still unmask. Read from TOML
/// (`SLUICE_KEYS`, or the file named by `SLUICE_KEYS_FILE`):
///
///     primary = "2026a"
///     [keys]
///     2026a = "base64 of 32 or more random bytes"
///
/// or the same on one line: `ring = { primary = "2026a", keys = { 2026a = "..." } }`. Immutable; shared by
/// readers of any thread. Never printed: errors name ids and lines only. Key material
/// is wiped when the ring goes, and kept out of swap space where the system allows it.
class key_ring {
 public:
  static constexpr std::size_t key_bytes_min = 32;

  /// Refuses (`missing_key`, `bad_configuration`): no primary, a primary that is not there, a key under 32
  /// bytes, an id that is not [A-Za-z0-9_-]{1,16}, bad base64, unknown keys of the file (with the line).
  static result<std::shared_ptr<const key_ring>> parse(std::string_view toml, std::string_view source_name);
  /// A new ring with one random key, on one line, that `parse` takes. Throws std::invalid_argument when `id`
  /// cannot be a key's.
  static std::string generate(std::string_view id);

  /// Other rings made of this one: with a new random key beside its own, with another primary, or without one
  /// key. `bad_configuration` for an id that cannot be one or is there already, and for the primary's
  /// removal; `missing_key` for an id that is not there.
  result<std::shared_ptr<const key_ring>> with_new(std::string_view id) const;
  result<std::shared_ptr<const key_ring>> with_primary(std::string_view id) const;
  result<std::shared_ptr<const key_ring>> without(std::string_view id) const;
  /// The ring itself, keys and all, on one line that `parse` takes.
  secret text() const;

  /// Keys that are none (`bad_configuration`): one byte over and over, bytes that count up, as in examples
  /// and tests, or one key under two ids, whose tokens would open under either.
  result<> check_strength() const;

  const std::string& primary() const noexcept { return primary_; }
  std::vector<std::string> ids() const;
  /// HKDF-SHA256 (RFC 5869) of the key `id`, info = "sluice/v1/<scheme>/<domain>", `bytes` long.
  /// `missing_key` when the ring has no such id.
  result<secret> derive(std::string_view id, std::string_view scheme_name, std::string_view domain,
                        std::size_t bytes) const;

 private:
  struct entry {
    std::string id;
    secret material;
  };
  result<std::vector<entry>::const_iterator> find(std::string_view id) const;

  std::string primary_;
  std::vector<entry> entries_;
};

}  // namespace sluice::mask
