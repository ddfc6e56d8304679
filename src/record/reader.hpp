#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "copy/arena.hpp"
#include "copy/segment.hpp"
#include "core/encoding.hpp"
#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "record/plan.hpp"

namespace sluice::record {

/// What a row may take from the message around the body.
struct envelope {
  uuid message_id{};
  std::int64_t sent_ms = 0;
  std::int64_t received_ms = 0;
  std::uint32_t receive_count = 0;
};

/// What became of a body.
struct outcome {
  enum class kind {
    row,      ///< `rows` tuples were appended
    refused,  ///< nothing was appended; `why` says what is wrong
    full,     ///< nothing was appended: the arena has no room for the row
  } what = kind::row;
  std::uint32_t rows = 1;
  copy::refusal why;
};

/// Turns bodies into tuples of binary COPY, by a plan compiled once.
///
/// Reason codes (stable): not_json, not_an_object, too_deep, missing_field, null_value, wrong_type,
/// out_of_range, too_long, nul_character, duplicate_field, bad_digest (given by the caller). The whole body
/// is validated (simdjson dom). One per loop: it owns a parser and keyed masks; not thread-safe; no
/// allocation per row.
class reader {
 public:
  /// `keys` may be null if the plan needs none; otherwise `missing_key`.
  static result<reader> make(const plan& p, const std::shared_ptr<const mask::key_ring>& keys);
  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();

  /// At least SIMDJSON_PADDING readable bytes follow `body` (see sqs::message).
  outcome read(std::string_view body, const envelope& e, copy::arena& out);

 private:
  struct impl;
  explicit reader(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::record
