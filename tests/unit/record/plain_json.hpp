#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tests {

/// A number, as it is written.
struct number {
  std::string text;
};

/// A JSON value with its keys in order, duplicates too.
struct tree {
  enum class kind { scalar, object, array } is = kind::scalar;
  std::variant<std::nullptr_t, bool, number, std::string> value{};
  std::vector<std::string> keys{};  ///< of an object, one for each item
  std::vector<tree> items{};

  template <class T>
  const T* as() const {
    return is == kind::scalar ? std::get_if<T>(&value) : nullptr;
  }
};

tree scalar(auto v) {
  return {.value = std::move(v)};
}

/// By another JSON library than sluice's, and with the text of each number. Nothing when it is not JSON.
std::optional<tree> parse_json(std::string_view json);

/// JSON again, in one way for each value: without blanks, numbers as they were written.
std::string canonical(const tree& t);

/// As long as the text is a number by RFC 8259's grammar; 0 if it does not begin with one.
std::size_t number_length(std::string_view text);

}  // namespace tests
