#include "record/raw_json.hpp"

namespace sluice::record {
namespace {

constexpr std::string_view blanks = " \t\r\n";

/// Behind the string that begins at `at`.
std::size_t after_string(std::string_view json, std::size_t at) noexcept {
  for (++at; json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

/// Behind the value that begins at `at`.
std::size_t after_value(std::string_view json, std::size_t at) noexcept {
  if (json[at] == '"') return after_string(json, at);
  if (json[at] != '{' && json[at] != '[') return json.find_first_of(",]} \t\r\n", at);
  std::size_t depth = 0;
  do {
    at = json.find_first_of("\"{}[]", at);
    switch (json[at]) {
      case '"': at = after_string(json, at); continue;
      case '{':
      case '[': ++depth; break;
      default: --depth; break;
    }
    ++at;
  } while (depth > 0);
  return at;
}

}  // namespace

std::string_view raw_member(std::string_view container, std::size_t ordinal) noexcept {
  std::size_t at = container.find_first_of("{[");
  const bool has_keys = container[at] == '{';
  for (;; --ordinal) {
    at = container.find_first_not_of(blanks, at + 1);  // behind the bracket or the comma
    if (has_keys) {
      at = container.find_first_not_of(blanks, after_string(container, at));
      at = container.find_first_not_of(blanks, at + 1);  // behind the colon
    }
    const std::size_t end = after_value(container, at);
    if (ordinal == 0) return container.substr(at, end - at);
    at = container.find_first_not_of(blanks, end);
  }
}

bool has_nul_escape(std::string_view json) noexcept {
  constexpr std::string_view escape = "\\u0000";
  for (std::size_t at = json.find(escape); at != json.npos; at = json.find(escape, at + 1)) {
    const std::size_t before = at == 0 ? json.npos : json.find_last_not_of('\\', at - 1);
    const std::size_t backslashes = before == json.npos ? at : at - before - 1;
    if (backslashes % 2 == 0) return true;  // else this backslash is itself escaped
  }
  return false;
}

}  // namespace sluice::record
