#include "record/infer.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "core/encoding.hpp"
#include "record/field_tree.hpp"
#include "record/json_parser.hpp"
#include "record/personal.hpp"
#include "record/pointer.hpp"
#include "record/scalars.hpp"

namespace sluice::record {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t nesting_max = 3;  ///< deeper objects become one jsonb
constexpr std::size_t columns_max = 1'000;

/// What was seen at one place of the bodies: every value is of one of these kinds.
struct shape {
  std::string name;
  std::size_t seen = 0;  ///< times, null or not
  std::size_t nulls = 0;
  bool text = false, whole = false, fraction = false, truth = false, object = false, array = false;
  // Of texts: whether each so far was one.
  bool uuids = true, dates = true, timestamps = true, local_times = true, addresses = true;
  // Of whole numbers: whether each fits.
  bool in_64_bits = true, epoch_seconds = true, epoch_milliseconds = true;
  std::vector<shape> members{};       ///< of objects, in the order of their first appearance
  std::unique_ptr<shape> items = {};  ///< of arrays

  int kinds() const { return text + (whole || fraction) + truth + object + array; }
  void add(element value);
  shape& member(std::string_view key);

 private:
  void add_text(std::string_view value);
  void add_whole(element value);
};

shape& shape::member(std::string_view key) {
  const auto found = std::ranges::find(members, key, &shape::name);
  if (found != members.end()) return *found;
  members.emplace_back();
  members.back().name = key;
  return members.back();
}

void shape::add_text(std::string_view value) {
  text = true;
  uuids = uuids && parse_uuid(value);
  dates = dates && parse_date(value);
  timestamps = timestamps && parse_timestamp(value);
  local_times = local_times && parse_timestamp(value, true);
  addresses = addresses && parse_inet(value);
}

void shape::add_whole(element value) {
  whole = true;
  std::int64_t number = 0;
  in_64_bits = in_64_bits && value.get(number) == simdjson::SUCCESS;
  constexpr std::int64_t year_2000 = 946'684'800;
  constexpr std::int64_t year_2100 = 4'102'444'800;
  epoch_seconds = epoch_seconds && number >= year_2000 && number < year_2100;
  epoch_milliseconds = epoch_milliseconds && number >= year_2000 * 1'000 && number < year_2100 * 1'000;
}

// As deep as the body is nested, which the parser bounds.
// NOLINTNEXTLINE(misc-no-recursion)
void shape::add(element value) {
  ++seen;
  switch (value.type()) {
    case element_type::NULL_VALUE: ++nulls; break;
    case element_type::STRING: add_text(std::string_view(value)); break;
    case element_type::BOOL: truth = true; break;
    case element_type::DOUBLE: fraction = true; break;
    case element_type::INT64:
    case element_type::UINT64: add_whole(value); break;
    case element_type::ARRAY:
      array = true;
      if (!items) items = std::make_unique<shape>();
      for (const element item : simdjson::dom::array(value)) items->add(item);
      break;
    case element_type::OBJECT:
      object = true;
      for (const auto& [key, member_value] : simdjson::dom::object(value)) member(key).add(member_value);
      break;
  }
}

bool names_a_time(std::string_view name) {
  return name == "ts" || name == "t" || name == "at" || name.ends_with("_at") ||
         name.find("time") != name.npos || name.find("date") != name.npos;
}

/// A scalar's type, and the transform that it needs.
std::pair<column_type, transform> type_of(const shape& s, std::string_view name) {
  using enum column_type;
  if (s.kinds() != 1 || s.object || s.array) return {s.kinds() == 0 ? text : jsonb, transform::none};
  if (s.truth) return {boolean, transform::none};
  if (s.text) {
    if (s.uuids) return {uuid, transform::none};
    if (s.dates) return {date, transform::none};
    if (s.timestamps) return {timestamptz, transform::none};
    if (s.local_times) return {timestamptz, transform::assume_utc};
    return {s.addresses ? inet : text, transform::none};
  }
  if (s.fraction || !s.in_64_bits) return {numeric, transform::none};
  if (names_a_time(name) && s.epoch_seconds) return {timestamptz, transform::epoch_seconds};
  if (names_a_time(name) && s.epoch_milliseconds) return {timestamptz, transform::epoch_milliseconds};
  return {bigint, transform::none};
}

class proposer {
 public:
  proposer(proposal& to, std::size_t rows) : to_(to), rows_(rows) {}
  void add(const shape& s, const std::string& pointer, const std::string& name, std::size_t depth);

 private:
  void add_column(const shape& s, const std::string& pointer, const std::string& name);
  std::string free_name(std::string name) const;

  proposal& to_;
  std::size_t rows_;
};

/// As PostgreSQL's own names are, so that nobody has to quote it.
std::string plain_name(std::string_view name) {
  std::string plain;
  bool was_upper = false;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !plain.empty() && plain.back() >= 'a' && plain.back() <= 'z' && !was_upper) plain += '_';
    was_upper = upper;
    const bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    plain += !word ? '_' : upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (plain.empty() || (plain[0] >= '0' && plain[0] <= '9')) plain.insert(0, "f_");
  return plain.substr(0, identifier_bytes_max);
}

std::string proposer::free_name(std::string name) const {
  const auto taken = [&] {
    return std::ranges::find(to_.plan.columns, name, &column::name) != to_.plan.columns.end();
  };
  const std::string asked = name;
  for (int n = 2; taken(); ++n) {
    const std::string number = fmt::format("_{}", n);
    name = asked.substr(0, identifier_bytes_max - number.size()) + number;
  }
  return name;
}

// As deep as nesting_max.
// NOLINTNEXTLINE(misc-no-recursion)
void proposer::add(const shape& s, const std::string& pointer, const std::string& name, std::size_t depth) {
  const bool is_object = s.object && s.kinds() == 1 && !s.members.empty() && depth < nesting_max;
  if (!is_object) return add_column(s, pointer, name);
  for (const shape& m : s.members) {
    const std::string below = name.empty() ? plain_name(m.name) : name + "_" + plain_name(m.name);
    add(m, pointer + escape_pointer(m.name), below, depth + 1);
  }
}

void proposer::add_column(const shape& s, const std::string& pointer, const std::string& name) {
  if (to_.plan.columns.size() == columns_max) return;
  column c;
  c.name = free_name(name.substr(0, identifier_bytes_max));
  c.from = pointer;
  const bool is_list = s.array && s.kinds() == 1 && s.items->kinds() == 1;
  std::tie(c.type, c.change) = type_of(is_list ? *s.items : s, name);
  c.is_array = is_list && c.type != column_type::jsonb;
  c.required = s.seen * 10 >= rows_ * 9;
  c.nullable = !c.required || s.nulls > 0;
  if (s.seen < rows_) {
    to_.notes.push_back(
        fmt::format("{} is in {} of {} records: {}", pointer, s.seen, rows_,
                    c.required ? "required, so that the others are set aside" : "not required"));
  }
  if (looks_personal(s.name) || looks_personal(name)) {
    const bool is_text = is_list ? s.items->text && s.items->kinds() == 1 : s.text && s.kinds() == 1;
    if (!is_text) {
      to_.notes.push_back(fmt::format(
          "{} looks personal, and is {}: only text can be masked, so it is left out", pointer, c.sql_type()));
      return;
    }
    c.type = column_type::text;
    c.change = transform::none;
    c.pii = true;
    c.mask = mask::rule{.how = mask::scheme::aes_siv, .domain = pointer.substr(1)};
  }
  if (s.kinds() == 0)
    to_.notes.push_back(fmt::format("{} was never anything but null: text is a guess", pointer));
  if (c.type == column_type::jsonb) {
    to_.notes.push_back(
        fmt::format("{} goes into one jsonb, as it is: look whether it holds personal data", pointer));
  }
  to_.plan.columns.push_back(std::move(c));
}

std::optional<element> at(element object, std::string_view key) {
  element found;
  if (object[key].get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

body_form form_of(element body) {
  if (const auto message = at(body, "Message"); message && message->is_string() && at(body, "TopicArn"))
    return body_form::sns;
  if (at(body, "detail-type") && at(body, "detail")) return body_form::eventbridge;
  if (const auto records = at(body, "Records"); records && records->is_array()) {
    const auto first = simdjson::dom::array(*records).begin();
    if (first != simdjson::dom::array(*records).end() && at(*first, "s3")) return body_form::s3;
  }
  return body_form::raw;
}

/// Adds what one body holds, opened; nothing when there is a reason.
reason add_body(shape& rows, element body, body_form form, json_parser& inner) {
  if (form == body_form::s3) {
    const simdjson::dom::array records = *at(body, "Records");
    for (const element row : records) {
      if (!row.is_object()) return reasons::not_an_object;
    }
    for (const element row : records) rows.add(row);
    return reasons::none;
  }
  element record = body;
  if (form == body_form::eventbridge) record = *at(body, "detail");
  if (form == body_form::sns) {
    if (const reason why = inner.parse(std::string_view(*at(body, "Message")), record); why != reasons::none)
      return why;
  }
  if (!record.is_object()) return reasons::not_an_object;
  rows.add(record);
  return reasons::none;
}

bool is_blank(std::string_view body) {
  return trimmed(body).empty();
}

/// Parses texts one after the other: an object is valid until the next.
class body_parser {
 public:
  reason parse(const std::string& body, element& object) {
    text_ = body;
    text_.append(simdjson::SIMDJSON_PADDING, ' ');
    const reason why = parser_.parse({text_.data(), body.size()}, object);
    return why == reasons::none && !object.is_object() ? reasons::not_an_object : why;
  }

 private:
  json_parser parser_;
  std::string text_;
};

/// That of all bodies; raw where they differ. Nothing when none of them is an object.
std::optional<body_form> common_form(std::span<const std::string> bodies) {
  body_parser parser;
  std::optional<body_form> form;
  for (const std::string& text : bodies) {
    element body;
    if (is_blank(text) || parser.parse(text, body) != reasons::none) continue;
    if (form && form != form_of(body)) return body_form::raw;
    form = form_of(body);
  }
  return form;
}

}  // namespace

result<proposal> infer(std::span<const std::string> bodies, std::string_view table) {
  const body_form form = common_form(bodies).value_or(body_form::raw);
  body_parser parser;
  json_parser inner;
  shape rows;
  std::size_t left_out = 0;
  std::string first_left_out;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (is_blank(bodies[i])) continue;
    element body;
    reason why = parser.parse(bodies[i], body);
    if (why == reasons::none) why = add_body(rows, body, form, inner);
    if (why != reasons::none && ++left_out == 1) first_left_out = fmt::format("line {}: {}", i + 1, why);
  }
  if (rows.members.empty()) {
    return failure{errc::bad_configuration,
                   left_out > 0 ? first_left_out : "the samples hold no record with a field",
                   "give bodies of messages, one JSON object on each line"};
  }
  proposal made;
  made.plan.table = plain_name(table);
  made.plan.form = form;
  made.records = rows.seen;
  if (form == body_form::s3) made.plan.rows = "/Records";
  proposer(made, rows.seen).add(rows, "", "", 0);
  if (left_out > 0) {
    made.notes.push_back(
        fmt::format("{} of the samples are no records, and were left out; {}", left_out, first_left_out));
  }
  if (made.plan.columns.size() == columns_max)
    made.notes.emplace_back("there are more fields than a table can have columns");
  return made;
}

}  // namespace sluice::record
