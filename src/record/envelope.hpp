#pragma once

#include <cstdint>
#include <span>

#include "core/encoding.hpp"
#include "sqs/message.hpp"

namespace sluice::record {

/// What a row may take from the message around the body.
struct envelope {
  uuid message_id{};
  std::int64_t sent_ms = 0;      ///< since 1970-01-01, UTC
  std::int64_t received_ms = 0;  ///< the same
  std::uint32_t receive_count = 0;
  std::span<const sqs::message_attribute> attributes{};
};

}  // namespace sluice::record
