#pragma once

#include <memory>

#include "mask/key_ring.hpp"

namespace tests {

/// Bytes 0 to 31 as key k1.
inline std::shared_ptr<const sluice::mask::key_ring> test_keys() {
  static const auto ring = sluice::mask::key_ring::parse(
      "primary = 'k1'\nkeys = { k1 = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }", "test");
  return ring.value();
}

}  // namespace tests
