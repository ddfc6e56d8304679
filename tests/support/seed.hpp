#pragma once

#include <catch2/catch_message.hpp>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace tests {

/// The seed of this run: SLUICE_SEED, or a random one. Printed once, so that a failure can be had again.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("SLUICE_SEED");
    const std::uint64_t chosen =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "seed: SLUICE_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return value;
}

inline std::mt19937_64 seeded_random() {
  return std::mt19937_64(seed());
}

}  // namespace tests
