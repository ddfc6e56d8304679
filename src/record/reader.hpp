#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "copy/arena.hpp"
#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "record/envelope.hpp"
#include "record/plan.hpp"
#include "record/reasons.hpp"

namespace sluice::record {

/// What became of a body.
struct outcome {
  enum class kind {
    row,      ///< `rows` tuples were appended; none if the body has an empty list of them
    refused,  ///< nothing was appended: see `why` and `column`
    full,     ///< nothing was appended: the arena has no room for the row
  } what = kind::row;
  std::uint32_t rows = 1;
  reason why{};
  std::string_view column{};  ///< at fault, or the field; may be empty. Valid as long as the reader
  std::optional<uuid>
      business_key{};  ///< of a row: by which the ledger is to know it, where the plan says so
};

/// Turns bodies into tuples of binary COPY, by a plan compiled once: of a body with many rows all, or none.
///
/// The whole body is validated. The reasons of a refusal are in reasons.hpp; a key given twice is reported
/// before anything else of its object, then the first column in the plan's order that has something wrong.
/// One per loop: it owns parsers and keyed masks; not thread-safe; no allocation per row.
class reader {
 public:
  static constexpr std::size_t depth_max = 1'023;  ///< arrays and objects around any value
  static constexpr std::size_t row_bytes_max = std::size_t{16} << 20U;  ///< that one message may become

  /// `keys` may be null if the plan needs none; otherwise `missing_key`. `bad_configuration` when the tokens
  /// of the primary key cannot fit their column.
  static result<reader> make(const plan& p, const std::shared_ptr<const mask::key_ring>& keys);
  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();

  /// At least SIMDJSON_PADDING readable bytes follow `body` (see sqs::message). Unless the outcome is a row,
  /// `out` is as it was.
  outcome read(std::string_view body, const envelope& e, copy::arena& out);

  /// What it masks with. A batch of rows keeps it, too, so that it can be known what is masked with it.
  const std::shared_ptr<const mask::key_ring>& keys() const noexcept;

 private:
  struct impl;
  explicit reader(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::record
