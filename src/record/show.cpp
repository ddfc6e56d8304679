#include "record/show.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>

#include "core/encoding.hpp"

namespace sluice::record {
namespace {

constexpr std::int64_t day_us = 86'400'000'000;
const std::chrono::sys_days epoch(std::chrono::year(2000) / 1 / 1);  // PostgreSQL's

/// Takes big-endian values off the front of a field, or of a stream of tuples.
class bytes_cursor {
 public:
  explicit bytes_cursor(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  template <std::integral Integer>
  Integer number() {
    std::uint64_t bits = 0;
    for (const char c : take(sizeof(Integer))) bits = bits << 8U | static_cast<unsigned char>(c);
    return static_cast<Integer>(bits);
  }
  /// A length and as many bytes; nothing for NULL.
  std::optional<std::string_view> field() {
    const auto length = number<std::int32_t>();
    if (length < 0) return std::nullopt;
    return take(static_cast<std::size_t>(length));
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::string show_day(std::int64_t days) {
  const std::chrono::year_month_day d{epoch + std::chrono::days(days)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(d.year()), static_cast<unsigned>(d.month()),
                     static_cast<unsigned>(d.day()));
}

std::string show_timestamp(std::int64_t us) {
  const std::int64_t days = us / day_us - (us % day_us < 0 ? 1 : 0);
  const std::int64_t of_day = us - days * day_us;
  const std::int64_t seconds = of_day / 1'000'000;
  std::string text =
      fmt::format("{} {:02}:{:02}:{:02}", show_day(days), seconds / 3'600, seconds / 60 % 60, seconds % 60);
  if (const std::int64_t fraction = of_day % 1'000'000; fraction > 0) {
    text += fmt::format(".{:06}", fraction);
    text.resize(text.find_last_not_of('0') + 1);
  }
  return text + "+00";
}

std::string show_numeric(bytes_cursor in) {
  const auto groups = in.number<std::uint16_t>();
  const int weight = in.number<std::int16_t>();
  const bool negative = in.number<std::uint16_t>() != 0;
  const std::size_t scale = in.number<std::uint16_t>();
  std::string whole, fraction;
  for (int i = std::min(weight, -1) + 1; i < 0; ++i) fraction += "0000";
  for (int i = 0; i < groups; ++i)
    (i <= weight ? whole : fraction) += fmt::format("{:04}", in.number<std::int16_t>());
  for (int i = groups; i <= weight; ++i) whole += "0000";
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  fraction.resize(scale, '0');
  return fmt::format("{}{}{}{}", negative ? "-" : "", whole.empty() ? "0" : whole, scale > 0 ? "." : "",
                     fraction);
}

std::string show_inet(bytes_cursor in) {
  const int family = in.number<std::uint8_t>() == 2 ? AF_INET : AF_INET6;
  const unsigned bits = in.number<std::uint8_t>();
  in.number<std::uint16_t>();
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family, in.rest().data(), text, sizeof text);
  const bool is_host = bits == (family == AF_INET ? 32U : 128U);
  return is_host ? text : fmt::format("{}/{}", text, bits);
}

std::string show_uuid(std::string_view bytes) {
  std::string text = hex(bytes_of(bytes));
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

std::string show_scalar(column_type t, std::string_view bytes) {
  bytes_cursor in(bytes);
  switch (t) {
    case column_type::text:
    case column_type::varchar: return std::string(bytes);
    case column_type::smallint: return std::to_string(in.number<std::int16_t>());
    case column_type::integer: return std::to_string(in.number<std::int32_t>());
    case column_type::bigint: return std::to_string(in.number<std::int64_t>());
    case column_type::real: return fmt::format("{}", std::bit_cast<float>(in.number<std::uint32_t>()));
    case column_type::double_precision:
      return fmt::format("{}", std::bit_cast<double>(in.number<std::uint64_t>()));
    case column_type::numeric: return show_numeric(in);
    case column_type::boolean: return bytes == std::string_view("\1") ? "t" : "f";
    case column_type::date: return show_day(in.number<std::int32_t>());
    case column_type::timestamptz: return show_timestamp(in.number<std::int64_t>());
    case column_type::uuid: return show_uuid(bytes);
    case column_type::inet: return show_inet(in);
    case column_type::bytea: return "\\x" + hex(bytes_of(bytes));
    case column_type::jsonb: return std::string(bytes.substr(1));  // behind its version
  }
  return {};
}

/// An item of an array, in quotes where PostgreSQL's array_out sets them.
std::string show_item(std::string text) {
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!text.empty() && text.find_first_of("{}\",\\ \t\n\r\v\f") == text.npos && lower != "null") return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string show_array(column_type t, bytes_cursor in) {
  const bool is_empty = in.number<std::int32_t>() == 0;
  in.take(8);  // has nulls, type
  if (is_empty) return "{}";
  in.take(8);  // items, first index
  std::string list;
  while (!in.at_end()) {
    const auto item = in.field();
    list += list.empty() ? "{" : ",";
    list += item ? show_item(show_scalar(t, *item)) : "NULL";
  }
  return list + "}";
}

}  // namespace

std::vector<std::vector<std::optional<std::string>>> show(const plan& p, std::span<const std::byte> tuples) {
  std::vector<std::vector<std::optional<std::string>>> rows;
  bytes_cursor in(text_of(tuples));
  while (!in.at_end()) {
    in.number<std::int16_t>();
    auto& row = rows.emplace_back();
    for (const column& c : p.columns) {
      const auto field = in.field();
      if (!field) {
        row.emplace_back();
      } else {
        row.emplace_back(c.is_array ? show_array(c.type, bytes_cursor(*field)) : show_scalar(c.type, *field));
      }
    }
  }
  return rows;
}

}  // namespace sluice::record
