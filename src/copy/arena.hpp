#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::copy {

/// Contiguous bytes that are written once, front to back, and sent from where they lie. Never grows by
/// itself.
class arena {
 public:
  explicit arena(std::size_t capacity)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

  /// The next `n` bytes, or null if there is no room. Valid until `grow`.
  std::byte* claim(std::size_t n) noexcept {
    if (n > room()) return nullptr;
    std::byte* at = bytes_.get() + size_;
    size_ += n;
    return at;
  }
  void truncate(std::size_t size) noexcept { size_ = std::min(size, size_); }
  void clear() noexcept { size_ = 0; }
  /// A larger block with the same contents: for one row that is larger than an empty segment.
  void grow(std::size_t capacity);

  std::size_t size() const noexcept { return size_; }
  std::size_t room() const noexcept { return capacity_ - size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::byte* data() noexcept { return bytes_.get(); }
  std::span<const std::byte> bytes() const noexcept { return {bytes_.get(), size_}; }
  std::string_view text(std::size_t offset, std::size_t length) const noexcept {
    return {reinterpret_cast<const char*>(bytes_.get()) + offset, length};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace sluice::copy
