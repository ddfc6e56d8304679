#pragma once

#include <cstdint>
#include <cstring>
#include <random>

#include "core/encoding.hpp"

namespace sluice::sqs_server {

/// Seeded, so that a run can be had again. Not for secrets.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  bool chance(double probability) {
    return probability > 0 && std::generate_canonical<double, 53>(engine_) < probability;
  }
  /// A version 4 UUID (RFC 9562).
  uuid next_uuid() {
    const std::uint64_t halves[] = {next(), next()};
    uuid id;
    std::memcpy(id.data(), halves, id.size());
    id[6] = (id[6] & std::byte{0x0f}) | std::byte{0x40};
    id[8] = (id[8] & std::byte{0x3f}) | std::byte{0x80};
    return id;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::sqs_server
