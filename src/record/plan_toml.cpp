#include <fmt/format.h>

#include "record/infer.hpp"
#include "record/names.hpp"

namespace sluice::record {
namespace {

/// A basic string of TOML.
std::string basic_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20U || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string column_toml(const column& c) {
  std::string out =
      fmt::format("\n[[column]]\nname = {}\ntype = {}\n", basic_string(c.name), basic_string(c.sql_type()));
  if (c.from != "/" + c.name) out += fmt::format("from = {}\n", basic_string(c.from));
  if (!c.required) {
    out += "required = false\n";
  } else if (c.nullable) {
    out += "nullable = true\n";
  }
  if (c.change != transform::none)
    out += fmt::format("transform = \"{}\"\n", name_of(transforms(), c.change));
  if (c.pii) out += "pii = true\n";
  if (c.mask) out += fmt::format("mask = \"{}\"\n", to_string(c.mask->how));
  return out;
}

}  // namespace

std::string to_toml(const plan& p) {
  std::string out;
  if (p.form != body_form::raw)
    out += fmt::format("[message]\nenvelope = \"{}\"\n\n", name_of(body_forms(), p.form));
  out += fmt::format("[table]\nname = {}\n", basic_string(p.table));
  for (const column& c : p.columns) out += column_toml(c);
  return out;
}

}  // namespace sluice::record
