#include "record/converter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "mask/ipcrypt.hpp"
#include "record/decimal.hpp"
#include "record/raw_json.hpp"
#include "record/scalars.hpp"

namespace sluice::record {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

/// PostgreSQL's pg_type.dat: an array names the type of its items.
std::uint32_t oid_of(column_type t) noexcept {
  switch (t) {
    case column_type::text: return 25;
    case column_type::varchar: return 1043;
    case column_type::smallint: return 21;
    case column_type::integer: return 23;
    case column_type::bigint: return 20;
    case column_type::real: return 700;
    case column_type::double_precision: return 701;
    case column_type::numeric: return 1700;
    case column_type::boolean: return 16;
    case column_type::date: return 1082;
    case column_type::timestamptz: return 1184;
    case column_type::uuid: return 2950;
    case column_type::inet: return 869;
    case column_type::bytea: return 17;
    case column_type::jsonb: return 3802;
  }
  return 0;
}

/// Of a number written without point and exponent.
checked<std::int64_t> integer_of(element value) noexcept {
  std::int64_t number = 0;
  switch (value.get(number)) {
    case simdjson::SUCCESS: return number;
    case simdjson::NUMBER_OUT_OF_RANGE: return reasons::out_of_range;
    default: return reasons::wrong_type;
  }
}

bool is_zero(element number) noexcept {
  double value = 1;
  return number.get(value) == simdjson::SUCCESS && std::fpclassify(value) == FP_ZERO;
}

/// The nearest; `out_of_range` when that is infinite, or zero for what is not.
template <class Float>
checked<Float> float_of(std::string_view text) noexcept {
  const auto written = parse_decimal(text);
  if (!written) return reasons::bad_format;
  Float value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  // Some versions of libstdc++ give infinity and zero without an error.
  const bool vanished = std::fpclassify(value) == FP_ZERO && !is_zero(*written);
  if (read.ec != std::errc() || std::isinf(value) || vanished) return reasons::out_of_range;
  return value;
}

reason write_json(std::string_view raw, copy::row_writer& row) {
  if (has_nul_escape(raw)) return reasons::nul_character;
  constexpr char jsonb_version = 1;
  char* at = row.begin_field(1 + raw.size());
  if (at == nullptr) return reasons::none;
  *at++ = jsonb_version;
  row.end_field(minify(raw, at));
  return reasons::none;
}

bool goes_in_as_it_is(const column& c) {
  return c.is_text() && !c.is_array && !c.trim && !c.lower && c.change == transform::none && c.map.empty();
}

}  // namespace

converter::converter(column c, std::optional<mask::masker> m)
    : plan_(std::move(c)),
      mask_(std::move(m)),
      is_plain_text_(goes_in_as_it_is(plan_)),
      length_max_(plan_.length_max > 0 ? plan_.length_max : std::numeric_limits<std::size_t>::max()) {
  using enum column_type;
  const bool has_digits = plan_.type == numeric || plan_.type == real || plan_.type == double_precision;
  may_want_raw_ = plan_.type == jsonb || has_digits || is_epoch() || !plan_.map.empty();
}

bool converter::is_epoch() const noexcept {
  return plan_.change == transform::epoch_seconds || plan_.change == transform::epoch_milliseconds;
}

bool converter::wants_raw(element value) const noexcept {
  if (plan_.type == column_type::jsonb) return true;
  const element_type type = value.type();
  if (plan_.is_array && type == element_type::ARRAY) return may_want_raw_;
  if (!plan_.map.empty()) return type != element_type::STRING;
  const bool is_double = type == element_type::DOUBLE;
  const bool may_be_stand_in = type == element_type::UINT64;  // see tame_numbers
  switch (plan_.type) {
    case column_type::numeric: return is_double || may_be_stand_in;
    case column_type::real:  // to round once, and not twice
    case column_type::double_precision: {
      if (type == element_type::BOOL || type == element_type::STRING) return false;
      const bool rounds_twice = is_double && plan_.type == column_type::real;
      return rounds_twice || may_be_stand_in || is_zero(value);  // -0, or smaller than a double can be
    }
    default: return is_double && is_epoch();
  }
}

reason converter::write(element value, std::string_view raw, copy::row_writer& row) {
  if (is_plain_text_) {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? write_string(text, row) : reasons::wrong_type;
  }
  if (plan_.type == column_type::jsonb) return write_json(raw, row);
  return plan_.is_array ? write_array(value, raw, row) : write_scalar(value, raw, row);
}

reason converter::write_array(element value, std::string_view raw, copy::row_writer& row) {
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return reasons::wrong_type;
  row.begin_array(oid_of(plan_.type));
  raw_walk walk = raw.empty() ? raw_walk() : raw_walk(raw);
  std::int32_t count = 0;
  bool has_null = false;
  for (const element item : items) {
    const std::string_view text = raw.empty() ? raw : walk.next().value;
    if (item.is_null()) {
      has_null = true;
      row.null();
    } else if (const reason why = write_scalar(item, text, row); why != reasons::none) {
      return why;
    }
    ++count;
  }
  row.end_array(count, has_null);
  return reasons::none;
}

reason converter::write_scalar(element value, std::string_view raw, copy::row_writer& row) {
  const element_type type = value.type();
  if (type == element_type::STRING) return write_text(std::string_view(value), row);
  if (type == element_type::ARRAY || type == element_type::OBJECT) return reasons::wrong_type;
  if (!plan_.map.empty()) return write_mapped(raw, row);
  const bool is_number = type != element_type::BOOL;
  if (is_epoch() && is_number) {
    if (type == element_type::DOUBLE) return write_epoch(raw, row);
    const auto number = integer_of(value);
    if (!number) return number.error();
    std::int64_t us = 0;
    const std::int64_t unit = plan_.change == transform::epoch_seconds ? 1'000'000 : 1'000;
    if (__builtin_mul_overflow(*number, unit, &us)) return reasons::out_of_range;
    return write_time(us, row);
  }
  switch (plan_.type) {
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint: {
      if (plan_.change != transform::none && plan_.change != transform::from_text) return reasons::wrong_type;
      const auto number = integer_of(value);
      return number ? write_whole(*number, row) : number.error();
    }
    case column_type::real:
      if (!is_number) return reasons::wrong_type;
      if (!raw.empty()) return write_number(raw, row);
      row.float4(static_cast<float>(std::int64_t(value)));
      return reasons::none;
    case column_type::double_precision:
      if (!is_number) return reasons::wrong_type;
      if (!raw.empty()) return write_number(raw, row);
      row.float8(double(value));
      return reasons::none;
    case column_type::numeric: {
      if (!is_number) return reasons::wrong_type;
      if (!raw.empty()) return write_numeric(raw, row);
      char digits[20];
      const char* end = std::to_chars(digits, digits + sizeof digits, std::int64_t(value)).ptr;
      return write_numeric({digits, end}, row);
    }
    case column_type::boolean:
      if (is_number) return reasons::wrong_type;
      row.boolean(bool(value));
      return reasons::none;
    default: return reasons::wrong_type;
  }
}

reason converter::write_text(std::string_view text, copy::row_writer& row) {
  if (plan_.trim) text = trimmed(text);
  if (plan_.change == transform::percent_decode) {
    if (const reason why = percent_decode(text, scratch_); why != reasons::none) return why;
    text = scratch_;
  }
  if (plan_.lower) {
    if (text.data() != scratch_.data()) scratch_.assign(text);
    for (char& c : scratch_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text = scratch_;
  }
  return plan_.map.empty() ? write_typed(text, row) : write_mapped(text, row);
}

reason converter::write_mapped(std::string_view key, copy::row_writer& row) {
  const auto first = [](const auto& entry) -> std::string_view { return entry.first; };
  const auto found = std::ranges::lower_bound(plan_.map, key, {}, first);
  if (found == plan_.map.end() || found->first != key) return reasons::unmapped_value;
  return write_typed(found->second, row);
}

reason converter::write_typed(std::string_view text, copy::row_writer& row) {
  switch (plan_.type) {
    case column_type::text:
    case column_type::varchar: return write_string(text, row);
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint:
    case column_type::real:
    case column_type::double_precision:
    case column_type::numeric:
      if (plan_.change == transform::none) return reasons::wrong_type;
      return write_number(text, row);
    case column_type::boolean:
      if (plan_.change == transform::none) return reasons::wrong_type;
      if (text != "true" && text != "false") return reasons::bad_format;
      row.boolean(text == "true");
      return reasons::none;
    case column_type::timestamptz:
      if (is_epoch()) return write_epoch(text, row);
      return write_time(parse_timestamp(text, plan_.change == transform::assume_utc), row);
    case column_type::date: {
      if (is_epoch()) return write_epoch(text, row);
      if (plan_.change == transform::utc_date) return write_time(parse_timestamp(text), row);
      const auto days = parse_date(text);
      if (!days) return days.error();
      row.date(*days);
      return reasons::none;
    }
    case column_type::uuid: {
      const auto id = parse_uuid(text);
      if (!id) return reasons::bad_format;
      row.uuid(*id);
      return reasons::none;
    }
    case column_type::inet: return write_address(text, row);
    case column_type::bytea: return write_bytes(text, row);
    case column_type::jsonb: break;
  }
  throw std::logic_error("a column type without a writer");
}

reason converter::write_masked(std::string_view text, copy::row_writer& row) {
  char* token = row.begin_field(mask_->size_max(text.size()));
  if (token == nullptr) return reasons::none;
  const char* end = mask_->mask_to(text, token);
  if (end == nullptr) return reasons::bad_format;
  if (is_too_long({token, end})) return reasons::too_long;
  row.end_field(end);
  return reasons::none;
}

reason converter::write_address(std::string_view text, copy::row_writer& row) {
  std::array<char, mask::ip_text_size_max> hidden{};  // only ipcrypt masks an inet column
  if (mask_) {
    const char* end = mask_->mask_to(text, hidden.data());
    if (end == nullptr) return reasons::bad_format;
    text = {hidden.data(), end};
  }
  const auto network = parse_inet(text);
  if (!network) return reasons::bad_format;
  row.inet(std::span(network->address).first(network->bytes), network->prefix_bits);
  return reasons::none;
}

reason converter::write_bytes(std::string_view text, copy::row_writer& row) const {
  char* at = row.begin_field(text.size());
  if (at == nullptr) return reasons::none;
  const char* end = plan_.change == transform::decode_base64      ? unbase64_to(text, at)
                    : plan_.change == transform::decode_base64url ? unbase64url_to(text, at)
                                                                  : unhex_to(text, at);
  if (end == nullptr) return reasons::bad_format;
  row.end_field(end);
  return reasons::none;
}

/// A number as it is written, in JSON or in a text.
reason converter::write_number(std::string_view text, copy::row_writer& row) const {
  switch (plan_.type) {
    case column_type::numeric: return write_numeric(text, row);
    case column_type::real: {
      const auto number = float_of<float>(text);
      if (!number) return number.error();
      row.float4(*number);
      return reasons::none;
    }
    case column_type::double_precision: {
      const auto number = float_of<double>(text);
      if (!number) return number.error();
      row.float8(*number);
      return reasons::none;
    }
    default: break;
  }
  const auto number =
      plan_.change == transform::from_text ? parse_whole(text) : version_number(plan_.change, text);
  return number ? write_whole(*number, row) : number.error();
}

reason converter::write_numeric(std::string_view text, copy::row_writer& row) const {
  const auto number = parse_decimal(text);
  if (!number) return reasons::bad_format;
  if (plan_.precision > 0 && whole_digits(*number) > std::int64_t{plan_.precision} - plan_.scale)
    return reasons::out_of_range;
  char* at = row.begin_field(numeric_size_max(*number));
  if (at == nullptr) return reasons::none;
  const char* end = write_numeric_to(*number, at);
  if (end == nullptr) return reasons::out_of_range;
  row.end_field(end);
  return reasons::none;
}

reason converter::write_epoch(std::string_view text, copy::row_writer& row) const {
  const auto number = parse_decimal(text);
  if (!number) return reasons::bad_format;
  return write_time(scaled(*number, plan_.change == transform::epoch_seconds ? 6 : 3), row);
}

reason converter::write_time(checked<std::int64_t> unix_us, copy::row_writer& row) const {
  if (!unix_us) return unix_us.error();
  if (!in_calendar(*unix_us)) return reasons::out_of_range;
  if (plan_.type == column_type::date) {
    row.date(day_of(*unix_us));
  } else {
    row.timestamptz(*unix_us);
  }
  return reasons::none;
}

reason converter::write_whole(std::int64_t value, copy::row_writer& row) const {
  if (plan_.type == column_type::smallint) {
    if (!std::in_range<std::int16_t>(value)) return reasons::out_of_range;
    row.int2(static_cast<std::int16_t>(value));
  } else if (plan_.type == column_type::integer) {
    if (!std::in_range<std::int32_t>(value)) return reasons::out_of_range;
    row.int4(static_cast<std::int32_t>(value));
  } else {
    row.int8(value);
  }
  return reasons::none;
}

}  // namespace sluice::record
