#include "record/reader.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <vector>

#include "copy/row_writer.hpp"
#include "record/business_key.hpp"
#include "record/cell.hpp"
#include "record/field_tree.hpp"
#include "record/json_parser.hpp"
#include "record/pointer.hpp"
#include "record/raw_json.hpp"
#include "record/reasons.hpp"

namespace sluice::record {
namespace {

using simdjson::dom::element;

static_assert(reader::depth_max + 1 == simdjson::DEFAULT_MAX_DEPTH);  // which counts the value

outcome refused(reason why, std::string_view column = {}) {
  return {.what = outcome::kind::refused, .rows = 0, .why = why, .column = column};
}

}  // namespace

struct reader::impl {
  body_form form = body_form::raw;
  field_tree::node_index record_field = 0;  ///< of an envelope, which holds the record
  std::string rows;                         ///< JSON pointer of the list of rows, or empty
  field_tree::node_index rows_field = 0;
  field_tree::node_index event_field = 0;  ///< of s3
  bool refuses_unknown = false;
  bool wants_text = false;  ///< whether a column may look at the text of what the parsers found
  std::vector<cell> cells;
  material found;
  std::optional<business_key> key;
  std::optional<uuid> event;  ///< of this body
  json_parser parser, inner_parser;
  std::shared_ptr<const mask::key_ring> keys;

  bool has_envelope() const noexcept { return form == body_form::sns || form == body_form::eventbridge; }
  const char* record_pointer() const noexcept { return form == body_form::sns ? "/Message" : "/detail"; }

  outcome read(std::string_view body, const envelope& e, copy::arena& out);
  outcome read_enveloped(element document, std::string_view text, copy::arena& out);
  outcome read_record(element record, std::string_view text, copy::arena& out);
  outcome read_list(element record, std::string_view text, copy::arena& out);
  outcome read_row(element row, std::string_view text, copy::arena& out);
  outcome identify(const field_tree& record);
  outcome refused_twice(source where, field_tree::node_index field);
};

outcome reader::impl::read(std::string_view body, const envelope& e, copy::arena& out) {
  element document;
  if (const reason why = parser.parse(body, document); why != reasons::none) return refused(why);
  if (!document.is_object()) return refused(reasons::not_an_object);
  found.message = &e;
  found.row_number = 0;
  event.reset();
  const std::string_view text = wants_text ? body : std::string_view();
  outcome read = has_envelope() ? read_enveloped(document, text, out) : read_record(document, text, out);
  if (read.what == outcome::kind::row) read.business_key = event;
  return read;
}

/// A row, if the record says which event it is.
outcome reader::impl::identify(const field_tree& record) {
  uuid id{};
  std::string_view at;
  if (const reason why = key->read(record, id, at); why != reasons::none) return refused(why, at);
  event = id;
  return {};
}

outcome reader::impl::read_enveloped(element document, std::string_view text, copy::arena& out) {
  field_tree& around = found.envelope;
  if (const auto twice = around.find(document, text)) return refused_twice(source::envelope, *twice);
  if (!around.has(record_field)) return refused(reasons::bad_envelope, record_pointer());
  const element inside = around.value(record_field);
  if (form == body_form::eventbridge) {
    if (!inside.is_object()) return refused(reasons::bad_envelope, record_pointer());
    return read_record(inside, wants_text ? around.raw(record_field) : std::string_view(), out);
  }
  std::string_view message;
  if (inside.get(message) != simdjson::SUCCESS) return refused(reasons::bad_envelope, record_pointer());
  // It lies in the parser's own buffer, which ends with padding.
  element record;
  if (const reason why = inner_parser.parse(message, record); why != reasons::none) {
    return refused(why, record_pointer());
  }
  if (!record.is_object()) return refused(reasons::not_an_object, record_pointer());
  return read_record(record, wants_text ? message : std::string_view(), out);
}

outcome reader::impl::read_record(element record, std::string_view text, copy::arena& out) {
  return rows.empty() ? read_row(record, text, out) : read_list(record, text, out);
}

/// All rows or none.
outcome reader::impl::read_list(element record, std::string_view text, copy::arena& out) {
  field_tree& around = found.body;
  if (const auto twice = around.find(record, text)) return refused_twice(source::body, *twice);
  if (refuses_unknown && around.has_unknown()) return refused(reasons::unknown_field);
  if (key) {
    if (outcome known = identify(around); known.what != outcome::kind::row) return known;
  }
  if (!around.has(rows_field)) {
    // What S3 sends when notifications are switched on.
    const bool is_test = form == body_form::s3 && around.has(event_field) &&
                         std::string_view(simdjson::minify(around.value(event_field))) == "\"s3:TestEvent\"";
    return is_test ? outcome{.rows = 0} : refused(reasons::missing_field, rows);
  }
  simdjson::dom::array list;
  if (around.value(rows_field).get(list) != simdjson::SUCCESS) return refused(reasons::wrong_type, rows);

  const std::size_t start = out.size();
  raw_walk walk = wants_text ? raw_walk(around.raw(rows_field)) : raw_walk();
  for (const element row : list) {
    const std::string_view row_text = wants_text ? walk.next().value : std::string_view();
    outcome read = row.is_object() ? read_row(row, row_text, out) : refused(reasons::not_an_object, rows);
    // A plan may copy the body into each of its rows.
    if (out.size() - start > row_bytes_max) read = refused(reasons::too_large);
    if (read.what != outcome::kind::row) {
      out.truncate(start);
      return read;
    }
    ++found.row_number;
  }
  return {.rows = found.row_number};
}

outcome reader::impl::read_row(element object, std::string_view text, copy::arena& out) {
  if (const auto twice = found.row.find(object, text)) return refused_twice(source::row, *twice);
  if (refuses_unknown && found.row.has_unknown()) return refused(reasons::unknown_field);
  if (key && rows.empty()) {
    if (outcome known = identify(found.row); known.what != outcome::kind::row) return known;
  }
  copy::row_writer row(out);
  row.begin_row(static_cast<std::int16_t>(cells.size()));
  for (cell& c : cells) {
    const reason why = c.write(found, row);
    if (why == reasons::none) continue;
    row.abandon_row();
    return refused(why, c.plan().name);
  }
  if (!row.end_row()) return {.what = outcome::kind::full, .rows = 0};
  return {};
}

outcome reader::impl::refused_twice(source where, field_tree::node_index field) {
  const auto wants = [&](const cell& c) {
    return c.plan().where == where && found.fields_of(where).is_under(c.field(), field);
  };
  const auto column = std::ranges::find_if(cells, wants);
  if (column != cells.end()) return refused(reasons::duplicate_field, column->plan().name);
  if (where == source::envelope) return refused(reasons::duplicate_field, record_pointer());
  return refused(reasons::duplicate_field, rows);
}

reader::reader(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

result<reader> reader::make(const plan& p, const std::shared_ptr<const mask::key_ring>& keys) {
  auto made = std::make_unique<impl>();
  made->keys = keys;
  made->form = p.form;
  made->rows = p.rows;
  made->refuses_unknown = p.refuses_unknown;
  if (p.form == body_form::sns) made->record_field = made->found.envelope.add({"Message"});
  if (p.form == body_form::eventbridge) made->record_field = made->found.envelope.add({"detail"});
  if (p.form == body_form::s3) made->event_field = made->found.body.add({"Event"});
  if (!p.rows.empty()) {
    const auto names = split_pointer(p.rows);
    if (!names) return failure{errc::bad_configuration, fmt::format("'{}' is no JSON pointer", p.rows)};
    made->rows_field = made->found.body.add(*names);
  }
  if (!p.business_key.empty()) {
    auto key = business_key::make(p, p.rows.empty() ? made->found.row : made->found.body, keys);
    if (!key) return key.error();
    made->key = *std::move(key);
  }
  for (const column& c : p.columns) {
    auto one = cell::make(c, keys, made->found);
    if (!one) return one.error();
    const bool reads_json = c.is_field() || c.where == source::unknown;
    made->wants_text = made->wants_text || (reads_json && one->may_want_raw());
    made->cells.push_back(*std::move(one));
  }
  return reader(std::move(made));
}

outcome reader::read(std::string_view body, const envelope& e, copy::arena& out) {
  return impl_->read(body, e, out);
}

const std::shared_ptr<const mask::key_ring>& reader::keys() const noexcept {
  return impl_->keys;
}

}  // namespace sluice::record
