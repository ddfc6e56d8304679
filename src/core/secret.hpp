#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// Bytes that must not be seen: wiped when destroyed or assigned over, shown by fmt as their length only.
///
/// Copies are allowed (each is wiped); there is no operator<< and no implicit conversion to a string.
class secret {
 public:
  secret() = default;
  explicit secret(std::string value) : value_(std::move(value)) {}
  secret(const secret&) = default;
  secret(secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  secret& operator=(const secret& other);
  secret& operator=(secret&& other) noexcept;
  ~secret() { wipe(); }

  /// The bytes, where they are needed. Do not keep the view, do not log it.
  std::string_view reveal() const noexcept { return value_; }
  /// For C interfaces that want a terminated string.
  const char* c_str() const noexcept { return value_.c_str(); }
  bool empty() const noexcept { return value_.empty(); }
  std::size_t size() const noexcept { return value_.size(); }
  bool operator==(const secret& other) const noexcept;  ///< in constant time for equal lengths

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace sluice

template <>
struct fmt::formatter<sluice::secret> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(const sluice::secret& s, Context& context) const {
    return fmt::format_to(context.out(), "<secret, {} bytes>", s.size());
  }
};
