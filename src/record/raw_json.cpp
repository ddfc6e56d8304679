#include "record/raw_json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "record/decimal.hpp"

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
  if (json[at] != '{' && json[at] != '[') {
    return std::min(json.find_first_of(",]} \t\r\n", at), json.size());
  }
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

/// What simdjson reads in place of a number that it would refuse; empty when it takes it.
std::string_view stand_in(std::string_view number) noexcept {
  constexpr std::size_t digits_safe = 18;
  const bool is_whole = number.find_first_of(".eE") == number.npos;
  if (is_whole && number.size() <= digits_safe) return {};
  if (!parse_decimal(number)) return {};  // not JSON
  const char* const begin = number.data();
  const char* const end = begin + number.size();
  if (is_whole) {
    std::int64_t with_sign = 0;
    std::uint64_t without = 0;
    const bool fits = std::from_chars(begin, end, with_sign).ec == std::errc() ||
                      std::from_chars(begin, end, without).ec == std::errc();
    return fits ? "" : "18446744073709551615";
  }
  double value = 0;
  const bool fits = std::from_chars(begin, end, value).ec == std::errc() && !std::isinf(value);
  return fits ? "" : "0.0";
}

}  // namespace

raw_walk::raw_walk(std::string_view container) noexcept
    : text_(container), at_(container.find_first_of("{[")), has_keys_(container[at_] == '{') {}

raw_walk::member raw_walk::next() noexcept {
  member m;
  at_ = text_.find_first_not_of(blanks, at_ + 1);
  if (has_keys_) {
    const std::size_t key_end = after_string(text_, at_);
    m.key = text_.substr(at_, key_end - at_);
    at_ = text_.find_first_not_of(blanks, key_end);
    at_ = text_.find_first_not_of(blanks, at_ + 1);  // behind the colon
  }
  const std::size_t end = after_value(text_, at_);
  m.value = text_.substr(at_, end - at_);
  at_ = text_.find_first_not_of(blanks, end);
  return m;
}

char* minify(std::string_view json, char* out) {
  std::size_t size = 0;
  if (simdjson::minify(json.data(), json.size(), out, size) != simdjson::SUCCESS) {
    throw std::logic_error("a part of valid JSON is not valid");
  }
  return out + size;
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

bool tame_numbers(std::string_view json, std::string& out) {
  constexpr std::string_view number_characters = "0123456789+-.eE";
  bool tamed = false;
  std::size_t at = 0;
  while ((at = json.find_first_of("\"-0123456789", at)) != json.npos) {
    if (json[at] == '"') {
      for (++at; at < json.size() && json[at] != '"'; ++at) {
        if (json[at] == '\\') ++at;
      }
      at = std::min(at + 1, json.size());
      continue;
    }
    const std::size_t end = std::min(json.find_first_not_of(number_characters, at), json.size());
    const std::string_view other = stand_in(json.substr(at, end - at));
    if (!other.empty()) {
      if (!tamed) out.assign(json);
      tamed = true;
      // Blanks behind it, so that all else stays in its place.
      std::fill(std::ranges::copy(other, out.begin() + static_cast<std::ptrdiff_t>(at)).out,
                out.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    }
    at = end;
  }
  return tamed;
}

}  // namespace sluice::record
