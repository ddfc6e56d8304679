#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "mask/aes_blocks.hpp"

namespace sluice::mask {

/// An address of either family: 16 bytes in network order, an IPv4 address as ::ffff:a.b.c.d (RFC 4291,
/// section 2.5.5.2).
using ip_address = std::array<unsigned char, 16>;

/// Strict: four decimal numbers without leading zeros, or RFC 4291's text; no zone, no prefix length.
std::optional<ip_address> parse_ip(std::string_view text) noexcept;

inline constexpr std::size_t ip_text_size_max = 39;
/// As inet_ntop writes it, which for IPv6 is RFC 5952. Needs room for `ip_text_size_max`; returns the end.
char* ip_to(const ip_address& ip, char* out);

/// draft-denis-ipcrypt, ipcrypt-deterministic: one AES-128 block; an address becomes any other, mostly IPv6.
/// Not thread-safe. An OpenSSL error throws.
class ipcrypt_deterministic {
 public:
  static constexpr std::size_t key_bytes = 16;

  explicit ipcrypt_deterministic(std::string_view key);
  ip_address encrypt(ip_address ip);
  ip_address decrypt(ip_address ip);

 private:
  aes_blocks encrypt_, decrypt_;
};

/// draft-denis-ipcrypt, ipcrypt-pfx: two addresses that share their first n bits still do; the family stays.
/// Not thread-safe. An OpenSSL error throws.
class ipcrypt_pfx {
 public:
  static constexpr std::size_t key_bytes = 32;

  explicit ipcrypt_pfx(std::string_view key);
  ip_address encrypt(const ip_address& ip);
  ip_address decrypt(const ip_address& ip);

 private:
  aes_blocks first_, second_;
};

}  // namespace sluice::mask
