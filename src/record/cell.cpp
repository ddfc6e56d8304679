#include "record/cell.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "record/raw_json.hpp"
#include "record/scalars.hpp"

namespace sluice::record {
namespace {

using simdjson::dom::element;

std::optional<std::string_view> string_of(element value) noexcept {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
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

reason write_date(checked<std::int32_t> days, copy::row_writer& row) {
  if (!days) return days.error();
  row.date(*days);
  return reasons::none;
}

reason write_real(element value, copy::row_writer& row) {
  double number = 0;
  if (value.get(number) != simdjson::SUCCESS) return reasons::wrong_type;
  if (std::abs(number) > std::numeric_limits<float>::max()) return reasons::out_of_range;
  const auto narrowed = static_cast<float>(number);
  const bool vanished = std::fpclassify(narrowed) == FP_ZERO && std::fpclassify(number) != FP_ZERO;
  if (vanished) return reasons::out_of_range;
  row.float4(narrowed);
  return reasons::none;
}

reason write_json(std::string_view raw, copy::row_writer& row) {
  if (has_nul_escape(raw)) return reasons::nul_character;
  constexpr char jsonb_version = 1;
  char* at = row.begin_field(1 + raw.size());
  if (at == nullptr) return reasons::none;
  *at++ = jsonb_version;
  std::size_t size = 0;
  if (simdjson::minify(raw.data(), raw.size(), at, size) != simdjson::SUCCESS) {
    throw std::logic_error("a part of valid JSON is not valid");
  }
  row.end_field(at + size);
  return reasons::none;
}

/// RFC 9562: 8-4-4-4-12 digits.
void write_uuid_text(const uuid& id, copy::row_writer& row) {
  constexpr std::size_t size = 36;
  char* at = row.begin_field(size);
  if (at == nullptr) return;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = "0123456789abcdef"[std::to_integer<unsigned>(id[i]) >> 4U];
    *at++ = "0123456789abcdef"[std::to_integer<unsigned>(id[i]) & 15U];
  }
  row.end_field(at);
}

}  // namespace

reason cell::write(const field_tree& found, std::string_view body, const envelope& e, copy::row_writer& row) {
  if (plan_.meta != metadata::none) return write_metadata(e, row);
  if (!found.has(field_)) {
    if (plan_.required) return reasons::missing_field;
    row.null();
    return reasons::none;
  }
  const element value = found.value(field_);
  if (value.is_null()) {
    if (!plan_.nullable) return reasons::null_value;
    row.null();
    return reasons::none;
  }
  if (plan_.type == column_type::jsonb) return write_json(found.raw(field_, body), row);
  return write_value(value, row);
}

reason cell::write_metadata(const envelope& e, copy::row_writer& row) const {
  switch (plan_.meta) {
    case metadata::message_id:
      if (plan_.type == column_type::uuid) {
        row.uuid(e.message_id);
      } else {
        write_uuid_text(e.message_id, row);
      }
      break;
    case metadata::sent_timestamp: {
      if (plan_.type == column_type::bigint) return write_whole(e.sent_ms, row);
      const auto us = timestamp_from(e.sent_ms);
      if (!us) return us.error();
      row.timestamptz(*us);
      break;
    }
    case metadata::sent_date: return write_date(date_from(e.sent_ms), row);
    case metadata::received_date: return write_date(date_from(e.received_ms), row);
    case metadata::receive_count: return write_whole(e.receive_count, row);
    case metadata::none: break;
  }
  return reasons::none;
}

reason cell::write_value(element value, copy::row_writer& row) {
  switch (plan_.type) {
    case column_type::text:
    case column_type::varchar: return write_text(value, row);
    case column_type::smallint:
    case column_type::integer:
    case column_type::bigint: return write_integer(value, row);
    case column_type::real: return write_real(value, row);
    case column_type::timestamptz: return write_timestamp(value, row);
    case column_type::double_precision: {
      double number = 0;
      if (value.get(number) != simdjson::SUCCESS) return reasons::wrong_type;
      row.float8(number);
      return reasons::none;
    }
    case column_type::boolean: {
      bool truth = false;
      if (value.get(truth) != simdjson::SUCCESS) return reasons::wrong_type;
      row.boolean(truth);
      return reasons::none;
    }
    case column_type::date: {
      const auto text = string_of(value);
      return text ? write_date(parse_date(*text), row) : reasons::wrong_type;
    }
    case column_type::uuid: {
      const auto text = string_of(value);
      if (!text) return reasons::wrong_type;
      const auto id = parse_uuid(*text);
      if (!id) return reasons::bad_format;
      row.uuid(*id);
      return reasons::none;
    }
    case column_type::jsonb: break;
  }
  throw std::logic_error("a column type without a writer");
}

reason cell::write_text(element value, copy::row_writer& row) {
  auto text = string_of(value);
  if (!text) return reasons::wrong_type;
  if (text->find('\0') != text->npos) return reasons::nul_character;
  if (plan_.change == transform::trim) text = trimmed(*text);
  if (plan_.change == transform::lower) {
    lowered_.assign(*text);
    for (char& c : lowered_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text = lowered_;
  }
  const auto too_long = [&](std::string_view written) {
    return plan_.length_max > 0 && longer_than(written, plan_.length_max);
  };
  if (!mask_) {
    if (too_long(*text)) return reasons::too_long;
    row.text(*text);
    return reasons::none;
  }
  char* token = row.begin_field(mask_->size_max(text->size()));
  if (token == nullptr) return reasons::none;
  const char* end = mask_->mask_to(*text, token);
  if (too_long({token, end})) return reasons::too_long;
  row.end_field(end);
  return reasons::none;
}

reason cell::write_integer(element value, copy::row_writer& row) const {
  checked<std::int64_t> number = 0;
  if (plan_.change == transform::none) {
    number = integer_of(value);
  } else if (const auto text = string_of(value)) {
    number = version_number(plan_.change, *text);
  } else {
    return reasons::wrong_type;
  }
  return number ? write_whole(*number, row) : number.error();
}

reason cell::write_whole(std::int64_t value, copy::row_writer& row) const {
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

reason cell::write_timestamp(element value, copy::row_writer& row) const {
  checked<std::int64_t> us = 0;
  if (plan_.change == transform::none) {
    const auto text = string_of(value);
    us = text ? parse_timestamp(*text) : reasons::wrong_type;
  } else {
    const auto number = integer_of(value);
    if (!number) return number.error();
    constexpr std::int64_t seconds_max = 1'000'000'000'000;
    if (plan_.change == transform::epoch_milliseconds) {
      us = timestamp_from(*number);
    } else if (*number >= -seconds_max && *number <= seconds_max) {
      us = timestamp_from(*number * 1'000);
    } else {
      us = reasons::out_of_range;
    }
  }
  if (!us) return us.error();
  row.timestamptz(*us);
  return reasons::none;
}

}  // namespace sluice::record
