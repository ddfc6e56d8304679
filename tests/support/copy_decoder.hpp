#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tests {

/// One field of a decoded tuple: its bytes, or null.
using copy_field = std::optional<std::string>;
using copy_tuple = std::vector<copy_field>;

/// A big-endian value of PostgreSQL's binary format; throws when the length is another.
template <class T>
T binary_value(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) throw std::runtime_error("a field of another length");
  std::uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8U | static_cast<unsigned char>(c);
  if constexpr (std::is_floating_point_v<T>) {
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> narrowed;
    narrowed = static_cast<decltype(narrowed)>(bits);
    T value;
    std::memcpy(&value, &narrowed, sizeof value);
    return value;
  } else {
    return static_cast<T>(bits);
  }
}

/// Decodes tuples of binary COPY (no header, no trailer), independently of the encoder; throws on anything
/// that is not whole.
inline std::vector<copy_tuple> decode_tuples(std::span<const std::byte> bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto take = [&](std::size_t size) {
    if (rest.size() < size) throw std::runtime_error("a tuple is cut");
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  std::vector<copy_tuple> tuples;
  while (!rest.empty()) {
    const auto fields = binary_value<std::int16_t>(take(2));
    copy_tuple& tuple = tuples.emplace_back();
    for (int i = 0; i < fields; ++i) {
      const auto length = binary_value<std::int32_t>(take(4));
      if (length < -1) throw std::runtime_error("a negative length");
      if (length == -1) {
        tuple.emplace_back();
      } else {
        tuple.emplace_back(std::string(take(static_cast<std::size_t>(length))));
      }
    }
  }
  return tuples;
}

}  // namespace tests
