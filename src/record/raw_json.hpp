#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::record {

/// Walks the members of an object, or the items of an array, in the text that the sender wrote: simdjson's
/// dom keeps numbers only as 64 bits, and numeric and jsonb can hold all their digits. The text is valid JSON
/// (a parser has taken it) and may begin with blanks.
class raw_walk {
 public:
  raw_walk() = default;
  explicit raw_walk(std::string_view container) noexcept;

  struct member {
    std::string_view key;  ///< with its quotes; empty in an array
    std::string_view value;
  };
  /// Not behind the last: the caller walks along the dom, and knows.
  member next() noexcept;

 private:
  std::string_view text_;
  std::size_t at_ = 0;  ///< the bracket or the comma before the next
  bool has_keys_ = false;
};

/// Writes `json` (valid) without the blanks between its parts; returns the end. No longer than it was.
char* minify(std::string_view json, char* out);

/// Whether a string or key of `json` (valid) holds U+0000, which can only be written as an escape.
bool has_nul_escape(std::string_view json) noexcept;

/// JSON has numbers of any size, simdjson's dom refuses those over 64 bits and over a double's range. Writes
/// `json` to `out` with each such number replaced, in place, by one that it takes and that no column takes
/// for a value without looking at the text: 2^64 - 1 for a whole number, 0.0 for others. False if there was
/// none. `json` may be anything; what is not JSON stays as wrong as it was.
bool tame_numbers(std::string_view json, std::string& out);

}  // namespace sluice::record
