#include "core/secret.hpp"

#include <cstring>

namespace sluice {

secret& secret::operator=(const secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

secret& secret::operator=(secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();  // a short string is copied, not moved
  }
  return *this;
}

bool secret::operator==(const secret& other) const noexcept {
  if (size() != other.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(value_[i]) ^
                                        static_cast<unsigned char>(other.value_[i]));
  }
  return difference == 0;
}

void secret::wipe() noexcept {
  // The whole buffer: what a longer value left behind its end is wiped too.
  value_.resize(value_.capacity());
  explicit_bzero(value_.data(), value_.size());
  value_.clear();
}

}  // namespace sluice
