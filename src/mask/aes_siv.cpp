#include "mask/aes_siv.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace sluice::mask {
namespace {

constexpr std::size_t block_bytes = aes_blocks::block_bytes;
constexpr std::size_t counter_blocks = 8;  // as many as AES-NI keeps in flight

/// The last 32 bits suffice: bit 31 starts as 0, so no carry leaves them within 2^31 blocks (RFC 5297, 2.5).
void increment(unsigned char* counter) noexcept {
  for (std::size_t i = block_bytes; i-- > block_bytes - 4;) {
    if (++counter[i] != 0) return;
  }
}

}  // namespace

aes_siv::aes_siv(std::string_view key) {
  if (key.size() != 32 && key.size() != 48 && key.size() != 64) {
    throw std::invalid_argument("an AES-SIV key has 32, 48 or 64 bytes");
  }
  authenticate_ = aes_blocks(key.substr(0, key.size() / 2));
  encrypt_ = aes_blocks(key.substr(key.size() / 2));
  authenticate_(whole_subkey_.data(), block_bytes);
  double_in_place(whole_subkey_);
  padded_subkey_ = whole_subkey_;
  double_in_place(padded_subkey_);
  zero_mac_ = cmac(std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", block_bytes));
}

aes_siv::~aes_siv() {
  for (block* b : {&whole_subkey_, &padded_subkey_, &zero_mac_}) OPENSSL_cleanse(b->data(), b->size());
}

/// In GF(2^128), with the polynomial of RFC 5297, section 2.3.
void aes_siv::double_in_place(block& b) noexcept {
  const unsigned carry = b[0] >> 7U;
  for (std::size_t i = 0; i + 1 < b.size(); ++i) {
    b[i] = static_cast<unsigned char>((unsigned{b[i]} << 1U) | (unsigned{b[i + 1]} >> 7U));
  }
  b.back() = static_cast<unsigned char>((unsigned{b.back()} << 1U) ^ (carry * 0x87U));
}

void aes_siv::xor_into(block& b, std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size(); ++i) b[i] ^= static_cast<unsigned char>(bytes[i]);
}

/// RFC 4493 of `head` and `tail`, one after the other; `tail` has at most one block.
aes_siv::block aes_siv::cmac(std::string_view head, std::string_view tail) {
  block x{};
  while (head.size() >= block_bytes && head.size() + tail.size() > block_bytes) {
    xor_into(x, head.substr(0, block_bytes));
    authenticate_(x.data(), block_bytes);
    head.remove_prefix(block_bytes);
  }
  std::array<char, 2 * block_bytes> rest{};
  std::ranges::copy(tail, std::ranges::copy(head, rest.begin()).out);
  std::size_t left = head.size() + tail.size();
  const char* last = rest.data();
  if (left > block_bytes) {
    xor_into(x, {last, block_bytes});
    authenticate_(x.data(), block_bytes);
    last += block_bytes;
    left -= block_bytes;
  }
  const bool whole = left == block_bytes;
  xor_into(x, {last, left});
  if (!whole) x[left] ^= 0x80U;
  const block& subkey = whole ? whole_subkey_ : padded_subkey_;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] ^= subkey[i];
  authenticate_(x.data(), block_bytes);
  return x;
}

/// S2V, RFC 5297, section 2.4.
aes_siv::block aes_siv::synthetic_iv(std::string_view plain, std::span<const std::string_view> associated) {
  block d = zero_mac_;
  for (const std::string_view text : associated) {
    double_in_place(d);
    const block mac = cmac(text);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] ^= mac[i];
  }
  if (plain.size() >= block_bytes) {
    const std::size_t whole = plain.size() - block_bytes;
    xor_into(d, plain.substr(whole));
    return cmac(plain.substr(0, whole), {reinterpret_cast<const char*>(d.data()), d.size()});
  }
  double_in_place(d);
  xor_into(d, plain);
  d[plain.size()] ^= 0x80U;
  return cmac({}, {reinterpret_cast<const char*>(d.data()), d.size()});
}

/// AES in counter mode from the synthetic IV, RFC 5297, section 2.5.
void aes_siv::count(block counter, std::string_view in, char* out) {
  counter[8] &= 0x7FU;
  counter[12] &= 0x7FU;
  std::array<unsigned char, counter_blocks * block_bytes> stream{};
  while (!in.empty()) {
    const std::size_t size = std::min(in.size(), stream.size());
    const std::size_t stream_size = (size + block_bytes - 1) / block_bytes * block_bytes;
    for (std::size_t at = 0; at < stream_size; at += block_bytes) {
      std::ranges::copy(counter, stream.begin() + static_cast<std::ptrdiff_t>(at));
      increment(counter.data());
    }
    encrypt_(stream.data(), stream_size);
    for (std::size_t i = 0; i < size; ++i) {
      out[i] = static_cast<char>(static_cast<unsigned char>(in[i]) ^ stream[i]);
    }
    in.remove_prefix(size);
    out += size;
  }
}

void aes_siv::seal(std::string_view plain, std::span<const std::string_view> associated, char* out) {
  const block iv = synthetic_iv(plain, associated);
  std::memcpy(out, iv.data(), iv.size());
  count(iv, plain, out + overhead);
}

bool aes_siv::open(std::string_view sealed, std::span<const std::string_view> associated, char* out) {
  if (sealed.size() < overhead) return false;
  block iv{};
  std::memcpy(iv.data(), sealed.data(), iv.size());
  const std::size_t size = sealed.size() - overhead;
  count(iv, sealed.substr(overhead), out);
  const block expected = synthetic_iv({out, size}, associated);
  if (CRYPTO_memcmp(expected.data(), iv.data(), iv.size()) == 0) return true;
  OPENSSL_cleanse(out, size);
  return false;
}

}  // namespace sluice::mask
