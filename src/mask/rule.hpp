#pragma once

#include <cstddef>
#include <string>

#include "mask/key_ring.hpp"
#include "mask/scheme.hpp"

namespace sluice::mask {

/// How one column is masked.
struct rule {
  scheme how = scheme::aes_siv;
  std::string domain{};          ///< keyed schemes: columns that must join share one
  std::string key{};             ///< keyed schemes: the key's id; empty: the ring's primary
  std::string constant = "***";  ///< redact
  std::size_t keep_last = 4;     ///< partial: that many characters stay

  bool operator==(const rule&) const = default;
};

/// The id of the key that a rule masks with.
inline const std::string& key_of(const rule& r, const key_ring& keys) noexcept {
  return r.key.empty() ? keys.primary() : r.key;
}

}  // namespace sluice::mask
