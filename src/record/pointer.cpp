#include "record/pointer.hpp"

#include <algorithm>

namespace sluice::record {
namespace {

/// "~1" is '/', "~0" is '~'; any other tilde is an error.
std::optional<std::string> unescape(std::string_view escaped) {
  std::string name;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '~') {
      name.push_back(escaped[i]);
      continue;
    }
    const std::string_view digit = escaped.substr(i + 1, 1);
    if (digit != "0" && digit != "1") return std::nullopt;
    name.push_back(digit == "0" ? '~' : '/');
    ++i;
  }
  return name;
}

}  // namespace

std::optional<std::vector<std::string>> split_pointer(std::string_view pointer) {
  std::vector<std::string> names;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    auto name = unescape(pointer.substr(0, end));
    if (!name) return std::nullopt;
    names.push_back(*std::move(name));
    pointer.remove_prefix(end);
  }
  return names;
}

std::string escape_pointer(std::string_view name) {
  std::string pointer = "/";
  for (const char c : name) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return pointer;
}

}  // namespace sluice::record
