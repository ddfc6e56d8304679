#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::observe {

/// `text` in quotes, escaped (RFC 8259 section 7), and without a control character. Where its bytes are not
/// UTF-8, it has U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Writes one JSON document. Commas are its business; that what is begun is ended is the caller's.
class json_writer {
 public:
  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  json_writer& key(std::string_view name);

  json_writer& value(std::string_view text);
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(bool flag);
  json_writer& value(double number);  ///< six digits are kept; what is not finite becomes null
  template <std::integral Integer>
  json_writer& value(Integer number) {
    return whole(std::to_string(number));
  }
  /// A member of an object.
  template <class T>
  json_writer& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  const std::string& text() const& noexcept { return out_; }
  std::string text() && noexcept { return std::move(out_); }

 private:
  json_writer& open(char bracket);
  json_writer& close(char bracket);
  json_writer& whole(std::string_view token);
  void separate();

  std::string out_;
  bool first_ = true;  ///< nothing stands before the next value in its array or object
};

}  // namespace sluice::observe
