#include "core/encoding.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view standard_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<signed char, 256> values_of(std::string_view alphabet) {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  }
  return values;
}
constexpr auto standard_values = values_of(standard_alphabet);
constexpr auto url_values = values_of(url_alphabet);

constexpr std::array<signed char, 256> make_hex_values() {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 16; ++i) {
    values[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<signed char>(i);
    values[static_cast<unsigned char>("0123456789ABCDEF"[i])] = static_cast<signed char>(i);
  }
  return values;
}
constexpr auto hex_values = make_hex_values();

unsigned at(std::string_view bytes, std::size_t i) noexcept {
  return static_cast<unsigned char>(bytes[i]);
}

char* encode(std::string_view bytes, char* out, std::string_view alphabet, bool padded) noexcept {
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned v = at(bytes, i) << 16 | at(bytes, i + 1) << 8 | at(bytes, i + 2);
    *out++ = alphabet[v >> 18];
    *out++ = alphabet[v >> 12 & 63];
    *out++ = alphabet[v >> 6 & 63];
    *out++ = alphabet[v & 63];
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 0) return out;
  const unsigned v = at(bytes, i) << 16 | (rest == 2 ? at(bytes, i + 1) << 8 : 0U);
  *out++ = alphabet[v >> 18];
  *out++ = alphabet[v >> 12 & 63];
  if (rest == 2) *out++ = alphabet[v >> 6 & 63];
  if (padded) {
    for (std::size_t pad = rest; pad < 3; ++pad) *out++ = '=';
  }
  return out;
}

char* decode(std::string_view text, const std::array<signed char, 256>& values, char* out) noexcept {
  if (text.size() % 4 == 1) return nullptr;
  unsigned v = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = values[static_cast<unsigned char>(c)];
    if (digit < 0) return nullptr;
    v = v << 6 | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      *out++ = static_cast<char>(v >> bits & 0xff);
    }
  }
  return (v & ((1U << bits) - 1)) == 0 ? out : nullptr;
}

/// Of a function that decodes to a buffer that has room for the text itself.
template <class Decode>
std::optional<std::string> decoded(std::string_view text, Decode decode_to) {
  std::string bytes(text.size(), '\0');
  const char* end = decode_to(text, bytes.data());
  if (end == nullptr) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(end - bytes.data()));
  return bytes;
}

}  // namespace

std::optional<uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return std::nullopt;
  uuid id{};
  std::size_t byte = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i++] != '-') return std::nullopt;
      continue;
    }
    const int high = hex_values[static_cast<unsigned char>(text[i])];
    const int low = hex_values[static_cast<unsigned char>(text[i + 1])];
    if (high < 0 || low < 0) return std::nullopt;
    id[byte++] = static_cast<std::byte>(high << 4 | low);
    i += 2;
  }
  return id;
}

std::string to_string(const uuid& id) {
  std::string text = hex(id);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    text.push_back("0123456789abcdef"[std::to_integer<unsigned>(b) >> 4]);
    text.push_back("0123456789abcdef"[std::to_integer<unsigned>(b) & 15]);
  }
  return text;
}

char* unhex_to(std::string_view text, char* out) noexcept {
  if (text.size() % 2 != 0) return nullptr;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_values[static_cast<unsigned char>(text[i])];
    const int low = hex_values[static_cast<unsigned char>(text[i + 1])];
    if (high < 0 || low < 0) return nullptr;
    *out++ = static_cast<char>(high << 4 | low);
  }
  return out;
}

std::optional<std::string> unhex(std::string_view text) {
  return decoded(text, unhex_to);
}

std::size_t base64_size(std::size_t bytes) noexcept {
  return (bytes + 2) / 3 * 4;
}
std::size_t base64url_size(std::size_t bytes) noexcept {
  return (bytes * 4 + 2) / 3;
}

char* base64_to(std::string_view bytes, char* out) noexcept {
  return encode(bytes, out, standard_alphabet, true);
}
char* base64url_to(std::string_view bytes, char* out) noexcept {
  return encode(bytes, out, url_alphabet, false);
}

std::string base64(std::string_view bytes) {
  std::string text(base64_size(bytes.size()), '\0');
  base64_to(bytes, text.data());
  return text;
}

std::string base64url(std::string_view bytes) {
  std::string text(base64url_size(bytes.size()), '\0');
  base64url_to(bytes, text.data());
  return text;
}

char* unbase64_to(std::string_view text, char* out) noexcept {
  if (text.size() % 4 != 0) return nullptr;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return decode(text, standard_values, out);
}

char* unbase64url_to(std::string_view text, char* out) noexcept {
  return decode(text, url_values, out);
}

std::optional<std::string> unbase64(std::string_view text) {
  return decoded(text, unbase64_to);
}

std::optional<std::string> unbase64url(std::string_view text) {
  return decoded(text, unbase64url_to);
}

std::size_t characters_in(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

std::string without_controls(std::string_view text) {
  std::string out;
  const auto append = [&out](unsigned code) { out += fmt::format("\\u{:04x}", code); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20U || byte == 0x7FU) {
      append(byte);
    } else if (byte == 0xC2U && next >= 0x80U && next < 0xA0U) {
      append(next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

utf8_character first_character(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {.code = first, .bytes = 1, .is_valid = true};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
  char32_t code = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  const bool is_too_long = code < (size == 2 ? 0x80U : size == 3 ? 0x800U : 0x10000U);
  if (is_surrogate || is_too_long || code > 0x10FFFF) return {};
  return {.code = code, .bytes = size, .is_valid = true};
}

}  // namespace sluice
