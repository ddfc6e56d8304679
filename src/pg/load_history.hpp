#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::pg {

/// What the loads before have shown of the table: a row that it took, and how many messages in a row it has
/// refused.
///
/// Pure. One for each loop, which outlives its loads. Its size is bounded: one message's tuples, of at most
/// `sample_bytes_max`.
class load_history {
 public:
  /// The stop-line: more refusals in a row with one SQLSTATE, and no row between, are the table's trouble.
  static constexpr std::size_t refusals_max = 1'000;
  static constexpr std::size_t sample_bytes_max = 64U << 10U;

  /// A message was committed as rows; `tuples` are its bytes in COPY's binary format.
  void took(std::span<const std::byte> tuples, std::uint32_t rows) {
    refused_ = 0;
    if (tuples.size() > sample_bytes_max) return;
    sample_.assign(tuples.begin(), tuples.end());
    sample_rows_ = rows;
  }
  /// A load without a row: the table refused `count` messages, all with this SQLSTATE.
  void refused(std::string_view sqlstate, std::size_t count) {
    refused_ = sqlstate_ == sqlstate ? refused_ + count : count;
    sqlstate_ = sqlstate;
  }
  std::size_t refused_in_a_row(std::string_view sqlstate) const noexcept {
    return sqlstate_ == sqlstate ? refused_ : 0;
  }

  /// The tuples of a message that the table took; empty if there is none.
  std::span<const std::byte> sample() const noexcept { return sample_; }
  std::uint32_t sample_rows() const noexcept { return sample_rows_; }

 private:
  std::string sqlstate_;
  std::size_t refused_ = 0;
  std::vector<std::byte> sample_;
  std::uint32_t sample_rows_ = 0;
};

}  // namespace sluice::pg
