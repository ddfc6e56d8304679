#include "copy/row_writer.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace sluice::copy {
namespace {

constexpr std::int32_t days_1970_to_2000 = 10'957;
constexpr std::int64_t us_1970_to_2000 = 946'684'800'000'000;
constexpr std::size_t array_header = 12;    // dimensions, has nulls, type
constexpr std::size_t array_dimension = 8;  // items, first index

}  // namespace

std::span<const std::byte> stream_header() noexcept {
  static constexpr std::array<unsigned char, 19> header{'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xFF, '\r', '\n'};
  return std::as_bytes(std::span(header));
}

std::span<const std::byte> stream_trailer() noexcept {
  static constexpr std::array<unsigned char, 2> trailer{0xFF, 0xFF};
  return std::as_bytes(std::span(trailer));
}

void row_writer::null() noexcept {
  if (std::byte* at = field(0)) store_big_endian(at - sizeof(std::int32_t), 0xFFFF'FFFFU);
}

void row_writer::boolean(bool value) noexcept {
  if (std::byte* at = field(1)) *at = static_cast<std::byte>(value);
}

void row_writer::int2(std::int16_t value) noexcept {
  if (std::byte* at = field(sizeof(value))) store_big_endian(at, static_cast<std::uint16_t>(value));
}

void row_writer::int4(std::int32_t value) noexcept {
  if (std::byte* at = field(sizeof(value))) store_big_endian(at, static_cast<std::uint32_t>(value));
}

void row_writer::int8(std::int64_t value) noexcept {
  if (std::byte* at = field(sizeof(value))) store_big_endian(at, static_cast<std::uint64_t>(value));
}

void row_writer::float4(float value) noexcept {
  int4(std::bit_cast<std::int32_t>(value));
}

void row_writer::float8(double value) noexcept {
  int8(std::bit_cast<std::int64_t>(value));
}

void row_writer::bytea(std::span<const std::byte> value) noexcept {
  if (std::byte* at = field(value.size())) store_bytes(at, value.data(), value.size());
}

void row_writer::jsonb(std::string_view json) noexcept {
  if (std::byte* at = field(1 + json.size())) {
    *at = std::byte{1};
    store_bytes(at + 1, json.data(), json.size());
  }
}

void row_writer::uuid(const sluice::uuid& value) noexcept {
  bytea(value);
}

void row_writer::date(std::int32_t unix_days) noexcept {
  int4(unix_days - days_1970_to_2000);
}

void row_writer::timestamptz(std::int64_t unix_us) noexcept {
  int8(unix_us - us_1970_to_2000);
}

void row_writer::inet(std::span<const std::byte> address, std::uint8_t prefix_bits) noexcept {
  constexpr std::size_t header = 4;
  std::byte* at = field(header + address.size());
  if (at == nullptr) return;
  at[0] = address.size() == 4 ? std::byte{2} : std::byte{3};  // PGSQL_AF_INET, PGSQL_AF_INET6
  at[1] = std::byte{prefix_bits};
  at[2] = std::byte{0};  // not a cidr
  at[3] = static_cast<std::byte>(address.size());
  store_bytes(at + header, address.data(), address.size());
}

void row_writer::begin_array(std::uint32_t item_oid) noexcept {
  std::byte* at = field(array_header + array_dimension);
  if (at == nullptr) return;
  array_start_ = static_cast<std::size_t>(at - out_->data());
  store_big_endian(at, std::uint32_t{1});
  store_big_endian(at + 8, item_oid);
  store_big_endian(at + 16, std::uint32_t{1});
}

void row_writer::end_array(std::int32_t items, bool has_null) noexcept {
  if (full_) return;
  std::byte* at = out_->data() + array_start_;
  store_big_endian(at + 4, std::uint32_t{has_null});
  store_big_endian(at + 12, static_cast<std::uint32_t>(items));
  if (items == 0) {
    store_big_endian(at, std::uint32_t{0});
    out_->truncate(array_start_ + array_header);
  }
  store_big_endian(at - sizeof(std::int32_t), static_cast<std::uint32_t>(out_->size() - array_start_));
}

char* row_writer::begin_field(std::size_t length_max) noexcept {
  std::byte* at = field(length_max);
  if (at != nullptr) field_start_ = static_cast<std::size_t>(at - out_->data());
  return reinterpret_cast<char*>(at);
}

void row_writer::end_field(const char* end) noexcept {
  const auto length = reinterpret_cast<const std::byte*>(end) - (out_->data() + field_start_);
  store_big_endian(out_->data() + field_start_ - sizeof(std::int32_t), static_cast<std::uint32_t>(length));
  out_->truncate(field_start_ + static_cast<std::size_t>(length));
}

}  // namespace sluice::copy
