#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace sluice::sqs_server {

/// `text` as it stands between the quotes of a JSON string (RFC 8259), in ASCII but for what UTF-8 it has.
void append_escaped(std::string& out, std::string_view text);

/// Writes JSON at the end of a string that lives on. Keys and raw values are given as they are.
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  json_writer& open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
  }
  json_writer& close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }
  json_writer& key(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    first_ = true;  // the value follows without a comma
    return *this;
  }
  json_writer& string(std::string_view value) {
    separate();
    out_ += '"';
    append_escaped(out_, value);
    out_ += '"';
    return *this;
  }
  json_writer& raw_string(std::string_view escaped) {
    separate();
    out_ += '"';
    out_ += escaped;
    out_ += '"';
    return *this;
  }
  template <std::integral T>
  json_writer& number(T value) {
    separate();
    const fmt::format_int digits(value);
    out_.append(digits.data(), digits.size());
    return *this;
  }
  /// Numbers in maps of attributes are texts.
  template <std::integral T>
  json_writer& quoted_number(T value) {
    const fmt::format_int digits(value);
    return raw_string({digits.data(), digits.size()});
  }
  json_writer& boolean(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string& out_;
  bool first_ = true;
};

}  // namespace sluice::sqs_server
