#include "observe/json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "core/encoding.hpp"

namespace sluice::observe {

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const utf8_character next = first_character(text);
    switch (next.code) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      default:
        // C1 and DEL, too: a line may be read at a terminal.
        if (next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0)) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(next.code));
        } else if (next.is_valid) {
          out += text.substr(0, next.bytes);
        } else {
          out += "\xEF\xBF\xBD";  // U+FFFD
        }
    }
    text.remove_prefix(next.bytes);
  }
  out.push_back('"');
}

void json_writer::separate() {
  if (!first_) out_.push_back(',');
  first_ = false;
}

json_writer& json_writer::open(char bracket) {
  separate();
  out_.push_back(bracket);
  first_ = true;
  return *this;
}

json_writer& json_writer::close(char bracket) {
  out_.push_back(bracket);
  first_ = false;
  return *this;
}

json_writer& json_writer::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_.push_back(':');
  first_ = true;
  return *this;
}

json_writer& json_writer::whole(std::string_view token) {
  separate();
  out_ += token;
  return *this;
}

json_writer& json_writer::value(std::string_view text) {
  separate();
  append_json_string(out_, text);
  return *this;
}

json_writer& json_writer::value(bool flag) {
  return whole(flag ? "true" : "false");
}

json_writer& json_writer::value(double number) {
  return whole(std::isfinite(number) ? fmt::format("{:.6g}", number) : "null");
}

}  // namespace sluice::observe
