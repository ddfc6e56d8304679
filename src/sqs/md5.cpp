#include "sqs/md5.hpp"

#include <algorithm>
#include <bit>
#include <boost/assert.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace sluice::sqs {
namespace {

constexpr std::size_t lanes = 16;
constexpr std::size_t block_bytes = 64;
constexpr std::size_t length_bytes = 8;

/// One number for each text. The compiler makes one to four registers of it.
using numbers = std::uint32_t __attribute__((vector_size(lanes * sizeof(std::uint32_t))));

using state = std::array<numbers, 4>;

// RFC 1321, 3.4: the integer part of 2^32 * abs(sin(i + 1)), and how far each step rotates.
constexpr std::array<std::uint32_t, 64> sines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr std::array<std::array<int, 4>, 4> turns = {
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

#define SLUICE_INLINE [[gnu::always_inline]] inline

template <std::size_t Step>
SLUICE_INLINE void step(state& s, const std::array<numbers, 16>& words) noexcept {
  constexpr std::size_t round = Step / 16;
  constexpr int turn = turns[round][Step % 4];
  constexpr std::size_t word =
      (std::array<std::size_t, 4>{1, 5, 3, 7}[round] * Step + std::array<std::size_t, 4>{0, 1, 5, 0}[round]) %
      16;
  numbers& a = s[(64 - Step) % 4];
  const numbers& b = s[(65 - Step) % 4];
  const numbers& c = s[(66 - Step) % 4];
  const numbers& d = s[(67 - Step) % 4];
  numbers mixed = a + words[word] + sines[Step];
  if constexpr (round == 0) mixed += d ^ (b & (c ^ d));
  if constexpr (round == 1) mixed += c ^ (d & (b ^ c));
  if constexpr (round == 2) mixed += b ^ c ^ d;
  if constexpr (round == 3) mixed += c ^ (b | ~d);
  a = b + ((mixed << turn) | (mixed >> (32 - turn)));
}

// Each text gives its next block, or one that does not count.
SLUICE_INLINE state compress(const state& s, const std::array<const char*, lanes>& blocks,
                             const numbers& counts) noexcept {
  std::array<numbers, 16> words{};
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      std::uint32_t n = 0;
      std::memcpy(&n, blocks[lane] + w * sizeof n, sizeof n);
      words[w][lane] = n;
    }
  }
  state next = s;
  const auto all = [&]<std::size_t... Step>(std::index_sequence<Step...>)
                       __attribute__((always_inline)) { (step<Step>(next, words), ...); };
  all(std::make_index_sequence<64>());
  for (std::size_t i = 0; i < s.size(); ++i) next[i] = s[i] + (next[i] & counts);
  return next;
}

using compress_function = state(const state&, const std::array<const char*, lanes>&, const numbers&) noexcept;

state compress_baseline(const state& s, const std::array<const char*, lanes>& blocks,
                        const numbers& counts) noexcept {
  return compress(s, blocks, counts);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] state compress_avx2(const state& s, const std::array<const char*, lanes>& blocks,
                                            const numbers& counts) noexcept {
  return compress(s, blocks, counts);
}
#endif

compress_function* fastest() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return compress_avx2;
#endif
  return compress_baseline;
}

/// A text in blocks: those that lie in it, then one or two with its end and its length.
struct padded {
  const char* whole = nullptr;
  std::size_t whole_blocks = 0, blocks = 0;
  std::array<char, 2 * block_bytes> end{};

  void set(std::string_view text) noexcept {
    whole = text.data();
    whole_blocks = text.size() / block_bytes;
    blocks = (text.size() + length_bytes) / block_bytes + 1;
    const std::string_view rest = text.substr(whole_blocks * block_bytes);
    const std::size_t end_bytes = (blocks - whole_blocks) * block_bytes;
    std::ranges::copy(rest, end.begin());
    end[rest.size()] = static_cast<char>(0x80);
    std::fill(end.begin() + static_cast<std::ptrdiff_t>(rest.size() + 1), end.end(), '\0');
    std::uint64_t bits = text.size() * 8;
    for (std::size_t i = end_bytes - length_bytes; i < end_bytes; ++i, bits >>= 8U)
      end[i] = static_cast<char>(bits);
  }
  const char* block(std::size_t i) const noexcept {
    return i < whole_blocks ? whole + i * block_bytes : end.data() + (i - whole_blocks) * block_bytes;
  }
};

void write_hex(const state& s, std::size_t lane, md5_hex& to) noexcept {
  std::size_t at = 0;
  for (const numbers& n : s) {
    for (std::uint32_t left = n[lane], i = 0; i < sizeof left; ++i, left >>= 8U) {
      to[at++] = "0123456789abcdef"[left >> 4U & 15U];
      to[at++] = "0123456789abcdef"[left & 15U];
    }
  }
}

void digest(std::span<const std::string_view> texts, std::span<md5_hex> digests,
            compress_function& one_block) noexcept {
  std::array<padded, lanes> inputs{};
  std::size_t longest = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    inputs[i].set(texts[i]);
    longest = std::max(longest, inputs[i].blocks);
  }
  state s{numbers{} + 0x67452301U, numbers{} + 0xefcdab89U, numbers{} + 0x98badcfeU, numbers{} + 0x10325476U};
  for (std::size_t i = 0; i < longest; ++i) {
    std::array<const char*, lanes> blocks{};
    numbers counts{};
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const bool has = i < inputs[lane].blocks;
      blocks[lane] = has ? inputs[lane].block(i) : inputs[lane].end.data();
      counts[lane] = has ? ~0U : 0U;
    }
    s = one_block(s, blocks, counts);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) write_hex(s, i, digests[i]);
}

}  // namespace

void md5_each(std::span<const std::string_view> texts, std::span<md5_hex> digests, vectors use) noexcept {
  static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");
  static compress_function* const native = fastest();
  BOOST_ASSERT(texts.size() == digests.size());
  for (std::size_t first = 0; first < texts.size(); first += lanes) {
    const std::size_t n = std::min(lanes, texts.size() - first);
    digest(texts.subspan(first, n), digests.subspan(first, n),
           use == vectors::native ? *native : compress_baseline);
  }
}

}  // namespace sluice::sqs
