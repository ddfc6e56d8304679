#include "pg/connection.hpp"

namespace sluice::pg {
namespace {

std::string enclose(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (const char c : text) {
    if (c == mark) quoted += mark;
    quoted += c;
  }
  quoted += mark;
  return quoted;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  return enclose(name, '"');
}

// An escape string where there is a backslash: right whatever standard_conforming_strings says.
std::string quote_literal(std::string_view text) {
  if (text.find('\\') == text.npos) return enclose(text, '\'');
  std::string doubled;
  for (const char c : text) {
    if (c == '\\') doubled += c;
    doubled += c;
  }
  return " E" + enclose(doubled, '\'');
}

}  // namespace sluice::pg
