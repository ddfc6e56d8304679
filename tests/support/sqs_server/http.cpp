#include "support/sqs_server/http.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::sqs_server {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_named(std::string_view name, std::string_view lower_case) {
  return name.size() == lower_case.size() && std::ranges::equal(name, lower_case, {}, lower);
}

bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, allowed);
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the next line off `text`; CR LF ends each, the last one too.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

}  // namespace

std::string_view http_request::header(std::string_view lower_case_name) const noexcept {
  for (const auto& h : headers) {
    if (is_named(h.name, lower_case_name)) return h.value;
  }
  return {};
}

http_parser::status http_parser::parse(std::string_view buffer, http_request& request) {
  if (buffer.size() < needed_) return status::need_more;
  const auto end = needed_ != 0 ? head_size_ - 4 : buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return buffer.size() > head_bytes_max ? status::too_large : status::need_more;
  }
  // The views of an earlier try may be of a buffer that has moved: the head is read again.
  if (const auto s = parse_head(buffer.substr(0, end + 2), request); s != status::done) return s;
  head_size_ = end + 4;
  needed_ = head_size_ + body_size_;
  if (buffer.size() < needed_) return status::need_more;
  request.body = buffer.substr(head_size_, body_size_);
  return status::done;
}

http_parser::status http_parser::parse_head(std::string_view head, http_request& request) {
  if (head.size() > head_bytes_max) return status::too_large;
  const std::string_view line = take_line(head);
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end <= method_end) return status::malformed;
  request.method = line.substr(0, method_end);
  request.target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (!is_token(request.method) || !request.target.starts_with('/')) return status::malformed;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return status::malformed;
  request.keep_alive = version == "HTTP/1.1";

  request.headers.clear();
  bool has_length = false;
  while (!head.empty()) {
    const std::string_view field = take_line(head);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon))) return status::malformed;
    const auto name = field.substr(0, colon);
    const auto value = trim(field.substr(colon + 1));
    request.headers.push_back({name, value});
    if (is_named(name, "content-length")) {
      std::size_t size = 0;
      const auto [last, error] = std::from_chars(value.data(), value.data() + value.size(), size);
      if (has_length || error != std::errc() || last != value.data() + value.size()) return status::malformed;
      has_length = true;
      body_size_ = size;
    } else if (is_named(name, "transfer-encoding")) {
      return status::length_required;
    } else if (is_named(name, "connection")) {
      if (is_named(value, "close")) request.keep_alive = false;
      if (is_named(value, "keep-alive")) request.keep_alive = true;
    } else if (is_named(name, "expect")) {
      expects_continue_ = is_named(value, "100-continue");
    }
  }
  return body_size_ > body_bytes_max ? status::too_large : status::done;
}

}  // namespace sluice::sqs_server
