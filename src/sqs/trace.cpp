#include "sqs/trace.hpp"

#include <algorithm>

namespace sluice::sqs {
namespace {

// Whether `text` is `form` with a lower-case hex digit for each x.
bool has_form(std::string_view text, std::string_view form) noexcept {
  return std::ranges::equal(text, form, [](char c, char wanted) {
    return wanted == 'x' ? (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') : c == wanted;
  });
}

bool is_zero(std::string_view hex) noexcept {
  return hex.find_first_not_of('0') == hex.npos;
}

}  // namespace

std::string_view xray_trace_id(std::string_view trace_header) noexcept {
  constexpr std::string_view root = "Root=", form = "1-xxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx";
  const std::size_t at = trace_header.find(root);
  if (at == trace_header.npos) return {};
  const std::string_view id = trace_header.substr(at + root.size(), form.size());
  return has_form(id, form) ? id : std::string_view();
}

std::string_view w3c_trace_id(std::string_view traceparent) noexcept {
  constexpr std::string_view form = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  const std::string_view known = traceparent.substr(0, form.size());
  if (!has_form(known, form) || known.starts_with("ff")) return {};
  // Version 00 ends here; a later one may go on after a hyphen.
  const std::string_view rest = traceparent.substr(form.size());
  if (!rest.empty() && (known.starts_with("00") || rest.front() != '-')) return {};
  const std::string_view id = known.substr(3, 32), parent = known.substr(36, 16);
  return is_zero(id) || is_zero(parent) ? std::string_view() : id;
}

std::string_view trace_id(const message& m) noexcept {
  const auto found = std::ranges::find(m.attributes, traceparent_attribute, &message_attribute::name);
  if (found != m.attributes.end()) {
    if (const auto id = w3c_trace_id(found->value); !id.empty()) return id;
  }
  return xray_trace_id(m.trace_header);
}

}  // namespace sluice::sqs
