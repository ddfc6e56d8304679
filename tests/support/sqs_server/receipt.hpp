#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

/// Turns handles into text and back: 24 bytes as base64, the last 8 of which tell a handle of this server
/// from an invented one. A checksum with a secret start, not a signature: nobody attacks a test server.
class receipt_codec {
 public:
  static constexpr std::size_t text_size = 32;
  using text = std::array<char, text_size>;

  explicit receipt_codec(std::uint64_t secret) : secret_(secret) {}
  text encode(const handle& h) const;
  std::optional<handle> decode(std::string_view receipt) const;

 private:
  std::uint64_t check(std::uint64_t a, std::uint64_t b) const noexcept;
  std::uint64_t secret_;
};

}  // namespace sluice::sqs_server
