#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "copy/row_writer.hpp"
#include "mask/masker.hpp"
#include "record/envelope.hpp"
#include "record/field_tree.hpp"
#include "record/plan.hpp"
#include "record/reasons.hpp"

namespace sluice::record {

/// One column of a plan, ready to be filled: its field in the tree, and its mask with its key.
///
/// `write` appends one field to the row, or gives the reason why it cannot; when the arena is full it appends
/// nothing (row_writer remembers). No allocation but for the longest value so far.
class cell {
 public:
  cell(column c, field_tree::node_index field, std::optional<mask::masker> m)
      : plan_(std::move(c)), field_(field), mask_(std::move(m)) {}

  const column& plan() const noexcept { return plan_; }
  field_tree::node_index field() const noexcept { return field_; }

  reason write(const field_tree& found, std::string_view body, const envelope& e, copy::row_writer& row);

 private:
  reason write_metadata(const envelope& e, copy::row_writer& row) const;
  reason write_value(simdjson::dom::element value, copy::row_writer& row);
  reason write_text(simdjson::dom::element value, copy::row_writer& row);
  reason write_integer(simdjson::dom::element value, copy::row_writer& row) const;
  reason write_whole(std::int64_t value, copy::row_writer& row) const;
  reason write_timestamp(simdjson::dom::element value, copy::row_writer& row) const;

  column plan_;
  field_tree::node_index field_;
  std::optional<mask::masker> mask_;
  std::string lowered_;
};

}  // namespace sluice::record
