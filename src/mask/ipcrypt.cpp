#include "mask/ipcrypt.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <span>
#include <string>

namespace sluice::mask {
namespace {

constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_ipv4(const ip_address& ip) noexcept {
  return std::ranges::equal(mapped, std::span(ip).first<mapped.size()>());
}

bool bit(const ip_address& ip, std::size_t n) noexcept {
  return ((unsigned{ip[n / 8]} >> (7 - n % 8)) & 1U) != 0;
}
void flip(ip_address& ip, std::size_t n, bool on) noexcept {
  ip[n / 8] = static_cast<unsigned char>(ip[n / 8] ^ (unsigned{on} << (7 - n % 8)));
}

/// A one and the bits of an address up to some place, at the right end of a block.
class padded_prefix {
 public:
  /// Of the bits that do not change: none, or those that all IPv4 addresses share.
  explicit padded_prefix(bool ipv4) noexcept {
    block_.back() = 1;
    if (!ipv4) return;
    block_ = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  }
  void append(bool next) noexcept {
    unsigned carry = next ? 1 : 0;
    for (std::size_t i = block_.size(); i-- > 0;) {
      const unsigned shifted = (unsigned{block_[i]} << 1U) | carry;
      block_[i] = static_cast<unsigned char>(shifted);
      carry = shifted >> 8U;
    }
  }
  const ip_address& block() const noexcept { return block_; }

 private:
  ip_address block_{};
};

}  // namespace

std::optional<ip_address> parse_ip(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
  std::ranges::copy(text, terminated.begin());
  ip_address ip{};
  if (text.find(':') != text.npos) {
    if (inet_pton(AF_INET6, terminated.data(), ip.data()) != 1) return std::nullopt;
    return ip;
  }
  std::ranges::copy(mapped, ip.begin());
  if (inet_pton(AF_INET, terminated.data(), ip.data() + mapped.size()) != 1) return std::nullopt;
  return ip;
}

char* ip_to(const ip_address& ip, char* out) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool ipv4 = is_ipv4(ip);
  const unsigned char* bytes = ipv4 ? ip.data() + mapped.size() : ip.data();
  openssl::require(inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes, text.data(), text.size()) != nullptr,
                   "inet_ntop");
  return std::ranges::copy(std::string_view(text.data()), out).out;
}

ipcrypt_deterministic::ipcrypt_deterministic(std::string_view key)
    : encrypt_(key), decrypt_(key, aes_blocks::direction::decrypt) {}

ip_address ipcrypt_deterministic::encrypt(ip_address ip) {
  encrypt_(ip.data(), ip.size());
  return ip;
}

ip_address ipcrypt_deterministic::decrypt(ip_address ip) {
  decrypt_(ip.data(), ip.size());
  return ip;
}

ipcrypt_pfx::ipcrypt_pfx(std::string_view key)
    : first_(key.substr(0, key_bytes / 2)), second_(key.substr(key_bytes / 2)) {}

/// The prefixes are those of the plain address, so all are known at once, and AES takes them together.
ip_address ipcrypt_pfx::encrypt(const ip_address& ip) {
  const std::size_t from = is_ipv4(ip) ? 8 * mapped.size() : 0;
  const std::size_t bits = 8 * ip.size() - from;
  std::array<ip_address, 128> one{};
  std::array<ip_address, 128> two{};
  padded_prefix prefix(from != 0);
  for (std::size_t i = 0; i < bits; ++i) {
    one[i] = two[i] = prefix.block();
    prefix.append(bit(ip, from + i));
  }
  first_(one.front().data(), bits * aes_blocks::block_bytes);
  second_(two.front().data(), bits * aes_blocks::block_bytes);
  ip_address out = ip;
  for (std::size_t i = 0; i < bits; ++i) {
    flip(out, from + i, ((unsigned{one[i].back()} ^ unsigned{two[i].back()}) & 1U) != 0);
  }
  return out;
}

ip_address ipcrypt_pfx::decrypt(const ip_address& ip) {
  const std::size_t from = is_ipv4(ip) ? 8 * mapped.size() : 0;
  ip_address out = ip;
  padded_prefix prefix(from != 0);
  for (std::size_t n = from; n < 8 * ip.size(); ++n) {
    ip_address one = prefix.block();
    ip_address two = one;
    first_(one.data(), one.size());
    second_(two.data(), two.size());
    flip(out, n, ((unsigned{one.back()} ^ unsigned{two.back()}) & 1U) != 0);
    prefix.append(bit(out, n));
  }
  return out;
}

}  // namespace sluice::mask
