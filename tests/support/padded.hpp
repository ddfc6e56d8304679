#pragma once

#include <string>
#include <string_view>

namespace tests {

/// A text with the readable bytes behind it that simdjson wants.
class padded {
 public:
  explicit padded(std::string_view text) : size_(text.size()), bytes_(text) { bytes_.append(64, '\0'); }
  std::string_view view() const noexcept { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::size_t size_;
  std::string bytes_;
};

}  // namespace tests
