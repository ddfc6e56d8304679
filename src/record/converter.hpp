#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "copy/row_writer.hpp"
#include "mask/masker.hpp"
#include "record/plan.hpp"
#include "record/reasons.hpp"
#include "record/scalars.hpp"

namespace sluice::record {

/// From a JSON value, or a text, to one field of a column: its transforms, its map, its mask, its type.
///
/// Appends one field to the row, or gives the reason why it cannot; when the arena is full it appends nothing
/// (row_writer remembers). After a reason the row is to be abandoned: a field may have been begun. One per
/// column and thread; no allocation but for the longest value so far.
class converter {
 public:
  converter(column c, std::optional<mask::masker> m);

  const column& plan() const noexcept { return plan_; }

  /// Whether `write` looks at the text of such a value: what is copied as it is, and numbers of which
  /// simdjson does not keep all.
  bool wants_raw(simdjson::dom::element value) const noexcept;
  /// Whether it does so of any value.
  bool may_want_raw() const noexcept { return may_want_raw_; }

  /// Whether a JSON string goes to `write_string` as it is: most columns.
  bool is_plain_text() const noexcept { return is_plain_text_; }
  reason write_string(std::string_view text, copy::row_writer& row) {
    if (text.find('\0') != text.npos) return reasons::nul_character;
    if (mask_) return write_masked(text, row);
    if (is_too_long(text)) return reasons::too_long;
    row.text(text);
    return reasons::none;
  }

  /// Any value but null. `raw` is its text, if `wants_raw`.
  reason write(simdjson::dom::element value, std::string_view raw, copy::row_writer& row);
  /// What a JSON string or a message attribute holds: UTF-8.
  reason write_text(std::string_view text, copy::row_writer& row);
  reason write_whole(std::int64_t value, copy::row_writer& row) const;
  /// As timestamptz, or as its UTC day.
  reason write_time(checked<std::int64_t> unix_us, copy::row_writer& row) const;

 private:
  reason write_scalar(simdjson::dom::element value, std::string_view raw, copy::row_writer& row);
  reason write_array(simdjson::dom::element value, std::string_view raw, copy::row_writer& row);
  reason write_mapped(std::string_view key, copy::row_writer& row);
  reason write_typed(std::string_view text, copy::row_writer& row);
  reason write_masked(std::string_view text, copy::row_writer& row);
  reason write_address(std::string_view text, copy::row_writer& row);
  reason write_bytes(std::string_view text, copy::row_writer& row) const;
  reason write_number(std::string_view text, copy::row_writer& row) const;
  reason write_numeric(std::string_view text, copy::row_writer& row) const;
  reason write_epoch(std::string_view text, copy::row_writer& row) const;
  bool is_epoch() const noexcept;
  /// For varchar(n).
  bool is_too_long(std::string_view written) const noexcept {
    return written.size() > length_max_ && longer_than(written, length_max_);
  }

  column plan_;
  std::optional<mask::masker> mask_;
  bool is_plain_text_;  ///< it goes into the row, or through its mask, as it is
  std::size_t length_max_;
  bool may_want_raw_ = false;
  std::string scratch_;
};

}  // namespace sluice::record
