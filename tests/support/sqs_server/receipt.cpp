#include "support/sqs_server/receipt.hpp"

#include <cstring>

namespace sluice::sqs_server {
namespace {

/// The finaliser of MurmurHash3: each bit of the input changes half of the output.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

/// The value of each digit of base64, 64 for any other character.
constexpr auto digits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(64);
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

}  // namespace

std::uint64_t receipt_codec::check(std::uint64_t a, std::uint64_t b) const noexcept {
  return mix(mix(a ^ secret_) + b);
}

receipt_codec::text receipt_codec::encode(const handle& h) const {
  std::uint64_t words[3] = {std::uint64_t{h.queue} << 32 | h.slot,
                            std::uint64_t{h.generation} << 32 | h.serial, 0};
  words[2] = check(words[0], words[1]);
  // The visible part differs with every receive, as it does on SQS, so that nobody reads a slot out of it.
  words[0] ^= mix(words[2]);
  words[1] ^= mix(words[2] + 1);
  text out;
  base64_to({reinterpret_cast<const char*>(words), sizeof words}, out.data());
  return out;
}

std::optional<handle> receipt_codec::decode(std::string_view receipt) const {
  if (receipt.size() != text_size) return std::nullopt;
  std::array<unsigned char, 24> bytes{};
  for (std::size_t in = 0, out = 0; in < text_size; in += 4, out += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t digit = digits[static_cast<unsigned char>(receipt[in + i])];
      if (digit == 64) return std::nullopt;
      group = group << 6 | digit;
    }
    bytes[out] = static_cast<unsigned char>(group >> 16);
    bytes[out + 1] = static_cast<unsigned char>(group >> 8);
    bytes[out + 2] = static_cast<unsigned char>(group);
  }
  std::uint64_t words[3];
  std::memcpy(words, bytes.data(), sizeof words);
  words[0] ^= mix(words[2]);
  words[1] ^= mix(words[2] + 1);
  if (words[2] != check(words[0], words[1])) return std::nullopt;
  return handle{static_cast<std::uint32_t>(words[0] >> 32), static_cast<std::uint32_t>(words[0]),
                static_cast<std::uint32_t>(words[1] >> 32), static_cast<std::uint32_t>(words[1])};
}

}  // namespace sluice::sqs_server
