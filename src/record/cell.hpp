#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "copy/row_writer.hpp"
#include "core/failure.hpp"
#include "record/converter.hpp"
#include "record/envelope.hpp"
#include "record/field_tree.hpp"

namespace sluice::record {

/// What a row is made from: the fields that were found in each of the places where a column may look, and the
/// message around them.
struct material {
  field_tree row;
  field_tree body;      ///< when a row is a part of it
  field_tree envelope;  ///< when the body came in one
  const record::envelope* message = nullptr;
  std::uint32_t row_number = 0;

  field_tree& fields_of(source where) noexcept {
    return where == source::row ? row : where == source::body ? body : envelope;
  }
};

/// One column of a plan, ready to be filled: its field in a tree, its converter, and its constant or default.
class cell {
 public:
  /// Adds the column's field to one of the trees. `bad_configuration` when the plan's own value is none of
  /// its type, or when tokens of the primary key cannot fit it.
  static result<cell> make(const column& c, const std::shared_ptr<const mask::key_ring>& keys,
                           material& from);

  const column& plan() const noexcept { return converter_.plan(); }
  field_tree::node_index field() const noexcept { return field_; }
  bool may_want_raw() const noexcept { return converter_.may_want_raw(); }

  /// Appends the field, or gives the reason why it cannot: see converter.
  reason write(material& from, copy::row_writer& row);

 private:
  /// A value of the plan's own, parsed once.
  struct literal {
    std::string json;
    simdjson::dom::parser parser;
    simdjson::dom::element value;
  };

  explicit cell(converter c) : converter_(std::move(c)) {}
  result<> make_literal(const std::string& json);
  result<> check_map();
  reason write_literal(copy::row_writer& row);
  reason write_field(field_tree& fields, copy::row_writer& row);
  reason write_attribute(const record::envelope& message, copy::row_writer& row);
  reason write_missing(copy::row_writer& row);

  converter converter_;
  field_tree::node_index field_ = 0;
  std::unique_ptr<literal> literal_;
};

}  // namespace sluice::record
