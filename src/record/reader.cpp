#include "record/reader.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

#include "copy/row_writer.hpp"
#include "mask/masker.hpp"
#include "record/cell.hpp"
#include "record/field_tree.hpp"
#include "record/reasons.hpp"

namespace sluice::record {
namespace {

static_assert(reader::depth_max == simdjson::DEFAULT_MAX_DEPTH);

/// RFC 8259, section 8.1: not allowed. Some versions of simdjson skip it, others refuse it.
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

reason reason_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::DEPTH_ERROR: return reasons::too_deep;
    case simdjson::MEMALLOC: throw std::bad_alloc();
    default: return reasons::not_json;
  }
}

outcome refused(reason why, std::string_view column = {}) {
  return {.what = outcome::kind::refused, .rows = 0, .why = {.reason = why, .column = std::string(column)}};
}

}  // namespace

struct reader::impl {
  simdjson::dom::parser parser;
  field_tree fields;
  std::vector<cell> cells;

  outcome read(std::string_view body, const envelope& e, copy::arena& out);
  outcome refused_twice(field_tree::node_index field) const;
};

outcome reader::impl::read(std::string_view body, const envelope& e, copy::arena& out) {
  if (body.starts_with(byte_order_mark)) return refused(reasons::not_json);
  simdjson::dom::element document;
  const auto error = parser.parse(body.data(), body.size(), false).get(document);
  if (error != simdjson::SUCCESS) return refused(reason_of(error));
  if (!document.is_object()) return refused(reasons::not_an_object);
  if (const auto twice = fields.find(document)) return refused_twice(*twice);

  copy::row_writer row(out);
  row.begin_row(static_cast<std::int16_t>(cells.size()));
  for (cell& c : cells) {
    const reason why = c.write(fields, body, e, row);
    if (why == reasons::none) continue;
    row.abandon_row();
    return refused(why, c.plan().name);
  }
  if (!row.end_row()) return {.what = outcome::kind::full, .rows = 0, .why = {}};
  return {};
}

outcome reader::impl::refused_twice(field_tree::node_index field) const {
  const auto wants = [&](const cell& c) {
    return c.plan().meta == metadata::none && fields.is_under(c.field(), field);
  };
  return refused(reasons::duplicate_field, std::ranges::find_if(cells, wants)->plan().name);
}

reader::reader(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

result<reader> reader::make(const plan& p, const std::shared_ptr<const mask::key_ring>& keys) {
  auto made = std::make_unique<impl>();
  for (const column& c : p.columns) {
    field_tree::node_index field = 0;
    if (c.meta == metadata::none) {
      const auto names = split_pointer(c.from);
      if (!names) return failure{errc::bad_configuration, fmt::format("'{}' is no JSON pointer", c.from)};
      field = made->fields.add(*names);
    }
    std::optional<mask::masker> mask;
    if (c.mask) {
      auto keyed = mask::masker::make(*c.mask, keys);
      if (!keyed) return std::move(keyed).error().in("column " + c.name);
      mask = *std::move(keyed);
      const std::size_t least = mask::needs_key(c.mask->how) ? mask->size_max(0) : 0;
      if (c.length_max > 0 && least > c.length_max) {
        return failure{errc::bad_configuration,
                       fmt::format("column {} is {}, its tokens have {} characters or more", c.name,
                                   c.sql_type(), least),
                       "make it text, or a longer varchar"};
      }
    }
    made->cells.emplace_back(c, field, std::move(mask));
  }
  return reader(std::move(made));
}

outcome reader::read(std::string_view body, const envelope& e, copy::arena& out) {
  return impl_->read(body, e, out);
}

}  // namespace sluice::record
