#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// 16 bytes in network order, as PostgreSQL's binary uuid.
using uuid = std::array<std::byte, 16>;

/// Parses 8-4-4-4-12 hex digits of either case (RFC 9562).
std::optional<uuid> parse_uuid(std::string_view text) noexcept;
std::string to_string(const uuid& id);

std::string hex(std::span<const std::byte> bytes);  ///< lower case
std::optional<std::string> unhex(std::string_view text);

/// RFC 4648 section 4, with padding.
std::string base64(std::string_view bytes);
/// RFC 4648 section 5, without padding.
std::string base64url(std::string_view bytes);
std::size_t base64_size(std::size_t bytes) noexcept;     ///< with padding
std::size_t base64url_size(std::size_t bytes) noexcept;  ///< without
/// Write to `out`, which has room for the size above; return the end.
char* base64_to(std::string_view bytes, char* out) noexcept;
char* base64url_to(std::string_view bytes, char* out) noexcept;
/// Strict: padding exactly where the alphabet in use has it, no blanks, unused bits zero.
std::optional<std::string> unbase64(std::string_view text);
std::optional<std::string> unbase64url(std::string_view text);
/// The same to `out`, which has room for as many bytes as the text has; return the end, or null.
char* unhex_to(std::string_view text, char* out) noexcept;
char* unbase64_to(std::string_view text, char* out) noexcept;
char* unbase64url_to(std::string_view text, char* out) noexcept;

/// Whether a byte of UTF-8 text is the first of a character (RFC 3629); and how many characters a text has.
constexpr bool starts_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}
std::size_t characters_in(std::string_view text) noexcept;
/// The text with each control character (C0, DEL, C1; U+0000 to U+009F) as \u00XX, so that a terminal shows
/// it, and does not obey. UTF-8.
std::string without_controls(std::string_view text);

inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A character of UTF-8 (RFC 3629), or a byte that begins none.
struct utf8_character {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
  bool is_valid = false;
};
/// Of a text that is not empty.
utf8_character first_character(std::string_view text) noexcept;

}  // namespace sluice
