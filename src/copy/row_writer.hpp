#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "copy/arena.hpp"
#include "core/encoding.hpp"

namespace sluice::copy {

/// PostgreSQL's binary COPY format: the stream's first 19 bytes and its last two (PostgreSQL docs, "COPY",
/// "Binary Format").
std::span<const std::byte> stream_header() noexcept;
std::span<const std::byte> stream_trailer() noexcept;

/// Compilers make one byte swap and one store of this.
template <std::unsigned_integral Unsigned>
void store_big_endian(std::byte* at, Unsigned value) noexcept {
  for (std::size_t i = sizeof(value); i-- > 0; value = static_cast<Unsigned>(value >> 8U)) {
    at[i] = static_cast<std::byte>(value);
  }
}

inline void store_bytes(std::byte* at, const void* bytes, std::size_t length) noexcept {
  if (length > 0) std::memcpy(at, bytes, length);  // an empty view's pointer may be null
}

/// Writes tuples of binary COPY at the end of an arena: an int16 field count, then each field as int32 length
/// and bytes.
///
/// Fields are written in column order by the functions below; the caller writes exactly as many as it said.
/// When the arena is full, every later write is ignored and `end_row` returns false with the arena as it was
/// at `begin_row`. Values are checked by the caller (no NUL in text, valid UTF-8, numbers in range): this
/// class cannot fail for any other reason.
class row_writer {
 public:
  explicit row_writer(arena& out) noexcept : out_(&out) {}

  void begin_row(std::int16_t fields) noexcept;
  /// Whether the whole tuple fitted.
  bool end_row() noexcept;
  /// Forgets the tuple begun.
  void abandon_row() noexcept;

  void null() noexcept;
  void boolean(bool value) noexcept;
  void int2(std::int16_t value) noexcept;
  void int4(std::int32_t value) noexcept;
  void int8(std::int64_t value) noexcept;
  void float4(float value) noexcept;
  void float8(double value) noexcept;
  void text(std::string_view value) noexcept;  ///< text, varchar, json, enum label
  void bytea(std::span<const std::byte> value) noexcept;
  void jsonb(std::string_view json) noexcept;  ///< version byte 1, then the text
  void uuid(const sluice::uuid& value) noexcept;
  void date(std::int32_t unix_days) noexcept;       ///< days since 1970-01-01
  void timestamptz(std::int64_t unix_us) noexcept;  ///< microseconds since 1970-01-01 00:00 UTC
  void inet(std::span<const std::byte> address, std::uint8_t prefix_bits) noexcept;  ///< of 4 or 16 bytes
  /// An array of one dimension: what is written until `end_array` are its items. `item_oid` is their type's.
  void begin_array(std::uint32_t item_oid) noexcept;
  void end_array(std::int32_t items, bool has_null) noexcept;
  /// A field of at most `length_max` bytes that is made in place: write to what this returns, then give the
  /// end to `end_field`. Null when the arena is full (then do not call `end_field`).
  char* begin_field(std::size_t length_max) noexcept;
  void end_field(const char* end) noexcept;

 private:
  std::byte* field(std::size_t length) noexcept;
  arena* out_;
  std::size_t row_start_ = 0;
  std::size_t field_start_ = 0;  ///< of the value that `begin_field` began
  std::size_t array_start_ = 0;  ///< of the value that `begin_array` began
  bool full_ = false;
};

inline void row_writer::begin_row(std::int16_t fields) noexcept {
  row_start_ = out_->size();
  std::byte* at = out_->claim(sizeof(fields));
  full_ = at == nullptr;
  if (!full_) store_big_endian(at, static_cast<std::uint16_t>(fields));
}

inline bool row_writer::end_row() noexcept {
  if (full_) abandon_row();
  return !full_;
}

inline void row_writer::abandon_row() noexcept {
  out_->truncate(row_start_);
}

inline std::byte* row_writer::field(std::size_t length) noexcept {
  std::byte* at = full_ ? nullptr : out_->claim(sizeof(std::int32_t) + length);
  full_ = at == nullptr;
  if (full_) return nullptr;
  store_big_endian(at, static_cast<std::uint32_t>(length));
  return at + sizeof(std::int32_t);
}

inline void row_writer::text(std::string_view value) noexcept {
  if (std::byte* at = field(value.size())) store_bytes(at, value.data(), value.size());
}

}  // namespace sluice::copy
