#include "record/cell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "copy/arena.hpp"
#include "record/pointer.hpp"
#include "record/raw_json.hpp"
#include "record/scalars.hpp"

namespace sluice::record {
namespace {

reason write_unknown(field_tree& row_fields, copy::row_writer& row) {
  constexpr char jsonb_version = 1;
  char* at = row.begin_field(1 + row_fields.text_bytes());
  if (at == nullptr) return reasons::none;
  char* const json = at + 1;
  *at = jsonb_version;
  const char* end = row_fields.write_unknown(json);
  if (has_nul_escape({json, end})) return reasons::nul_character;
  row.end_field(end);
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

result<mask::masker> keyed_mask(const column& c, const std::shared_ptr<const mask::key_ring>& keys) {
  auto keyed = mask::masker::make(*c.mask, keys);
  if (!keyed) return std::move(keyed).error().in("column " + c.name);
  const std::size_t least = mask::needs_key(c.mask->how) ? keyed->size_max(0) : 0;
  if (c.length_max > 0 && least > c.length_max) {
    return failure{
        errc::bad_configuration,
        fmt::format("column {} is {}, its tokens have {} characters or more", c.name, c.sql_type(), least),
        "make it text, or a longer varchar"};
  }
  return keyed;
}

}  // namespace

result<cell> cell::make(const column& c, const std::shared_ptr<const mask::key_ring>& keys, material& from) {
  std::optional<mask::masker> mask;
  if (c.mask) {
    auto keyed = keyed_mask(c, keys);
    if (!keyed) return keyed.error();
    mask = *std::move(keyed);
  }
  column sorted = c;
  std::ranges::sort(sorted.map);
  cell made(converter(std::move(sorted), std::move(mask)));
  if (c.is_field()) {
    const auto names = split_pointer(c.from);
    if (!names) return failure{errc::bad_configuration, fmt::format("'{}' is no JSON pointer", c.from)};
    made.field_ = from.fields_of(c.where).add(*names);
  }
  const std::string& json = c.where == source::constant ? c.from : c.otherwise;
  if (!json.empty()) {
    if (auto good = made.make_literal(json); !good) return good.error();
  }
  if (auto good = made.check_map(); !good) return good.error();
  return made;
}

/// What the plan says itself is tried at once: at run time it would refuse every message.
result<> cell::make_literal(const std::string& json) {
  literal_ = std::make_unique<literal>();
  literal_->json = json;
  const char* const what = plan().where == source::constant ? "constant" : "default";
  reason why = reasons::not_json;
  if (literal_->parser.parse(literal_->json).get(literal_->value) == simdjson::SUCCESS) {
    copy::arena scratch(json.size() * 16 + 4'096);
    copy::row_writer row(scratch);
    row.begin_row(1);
    why = literal_->value.is_null() ? reasons::null_value : write_literal(row);
  }
  if (why == reasons::none) return {};
  return failure{errc::bad_configuration, fmt::format("column {} is {}, its {} {} is not ({})", plan().name,
                                                      plan().sql_type(), what, json, why)};
}

result<> cell::check_map() {
  for (const auto& [key, text] : plan().map) {
    copy::arena scratch(text.size() * 16 + 4'096);
    copy::row_writer row(scratch);
    row.begin_row(1);
    // Through the key, as a message's value goes: what trim and lower change is never found.
    const reason why = converter_.write_text(key, row);
    if (why == reasons::none) continue;
    return failure{errc::bad_configuration, fmt::format("column {} is {}, its map gives '{}' for '{}': {}",
                                                        plan().name, plan().sql_type(), text, key, why)};
  }
  return {};
}

reason cell::write(material& from, copy::row_writer& row) {
  const record::envelope& message = *from.message;
  switch (plan().where) {
    case source::row:
    case source::body:
    case source::envelope: return write_field(from.fields_of(plan().where), row);
    case source::attribute: return write_attribute(message, row);
    case source::unknown: return write_unknown(from.row, row);
    case source::constant: return write_literal(row);
    case source::message_id:
      if (plan().type == column_type::uuid) {
        row.uuid(message.message_id);
      } else {
        write_uuid_text(message.message_id, row);
      }
      return reasons::none;
    case source::sent_timestamp:
      if (plan().type == column_type::bigint) return converter_.write_whole(message.sent_ms, row);
      return converter_.write_time(timestamp_from(message.sent_ms), row);
    case source::sent_date: return converter_.write_time(timestamp_from(message.sent_ms), row);
    case source::received_date: return converter_.write_time(timestamp_from(message.received_ms), row);
    case source::receive_count: return converter_.write_whole(message.receive_count, row);
    case source::row_number: return converter_.write_whole(from.row_number, row);
  }
  return reasons::none;
}

reason cell::write_field(field_tree& fields, copy::row_writer& row) {
  if (!fields.has(field_)) return write_missing(row);
  const simdjson::dom::element value = fields.value(field_);
  if (std::string_view text; converter_.is_plain_text() && value.get(text) == simdjson::SUCCESS) {
    return converter_.write_string(text, row);
  }
  if (value.is_null()) {
    if (!plan().nullable) return reasons::null_value;
    row.null();
    return reasons::none;
  }
  const bool wants_raw = converter_.may_want_raw() && converter_.wants_raw(value);
  return converter_.write(value, wants_raw ? fields.raw(field_) : std::string_view(), row);
}

reason cell::write_attribute(const record::envelope& message, copy::row_writer& row) {
  const auto found = std::ranges::find(message.attributes, plan().from, &sqs::message_attribute::name);
  return found == message.attributes.end() ? write_missing(row) : converter_.write_text(found->value, row);
}

reason cell::write_missing(copy::row_writer& row) {
  if (literal_) return write_literal(row);
  if (plan().required) return reasons::missing_field;
  row.null();
  return reasons::none;
}

reason cell::write_literal(copy::row_writer& row) {
  return converter_.write(literal_->value, literal_->json, row);
}

}  // namespace sluice::record
