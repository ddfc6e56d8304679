// The canonical request: the one text that signer and verifier must build alike, byte for byte.
#include <algorithm>
#include <utility>
#include <vector>

#include "aws/sigv4.hpp"

namespace sluice::aws::sigv4 {
namespace {

// Proxies may add or change these (botocore's list); authorization cannot sign itself.
constexpr std::string_view never_signed[] = {
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
};

bool blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool unreserved(char c) noexcept {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

int hex_value(char c) noexcept {
  const char l = lower(c);
  if (l >= '0' && l <= '9') return l - '0';
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

// As botocore: dot segments go (RFC 3986, 5.2.4), and so do repeated slashes.
std::string normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::size_t i = 0; i <= path.size();) {
    const std::size_t end = std::min(path.find('/', i), path.size());
    const std::string_view segment = path.substr(i, end - i);
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
    i = end + 1;
  }
  std::string out;
  for (const std::string_view segment : kept) (out += '/') += segment;
  if (kept.empty() || path.ends_with('/')) out += '/';
  return out;
}

void append_path(std::string& out, std::string_view path) {
  for (std::size_t i = 0; i <= path.size();) {
    const std::size_t end = std::min(path.find('/', i), path.size());
    if (i > 0) out += '/';
    append_percent_encoded(out, path.substr(i, end - i));
    i = end + 1;
  }
}

// Decoded first, so that %7e, %7E and ~ are one: clients differ in what they escape.
void append_query(std::string& out, std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (std::size_t i = 0; i < query.size();) {
    const std::size_t end = std::min(query.find('&', i), query.size());
    const std::string_view parameter = query.substr(i, end - i);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    i = end + 1;
    if (parameter.empty()) continue;
    auto& [name, value] = parameters.emplace_back();
    append_percent_encoded(name, percent_decoded(parameter.substr(0, equals)));
    append_percent_encoded(value, percent_decoded(parameter.substr(std::min(equals + 1, parameter.size()))));
  }
  std::ranges::sort(parameters);
  const char* separator = "";
  for (const auto& [name, value] : parameters) {
    ((((out += separator) += name) += '=') += value);
    separator = "&";
  }
}

void append_collapsed(std::string& out, std::string_view value) {
  bool gap = false;
  bool begun = false;
  for (const char c : value) {
    if (blank(c)) {
      gap = begun;
      continue;
    }
    if (gap) out += ' ';
    out += c;
    gap = false;
    begun = true;
  }
}

struct canonical_header {
  std::string name;
  std::string_view value;
};

// Sorted by name; values of one name stay in their order.
std::vector<canonical_header> signed_of(std::span<const header> headers, bool every) {
  std::vector<canonical_header> chosen;
  chosen.reserve(headers.size());
  for (const header& h : headers) {
    std::string name(h.name);
    std::ranges::transform(name, name.begin(), lower);
    if (every || std::ranges::find(never_signed, name) == std::end(never_signed)) {
      const auto after = std::ranges::upper_bound(chosen, name, {}, &canonical_header::name);
      chosen.insert(after, {std::move(name), h.value});
    }
  }
  return chosen;
}

}  // namespace

void append_percent_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      const unsigned value = static_cast<unsigned char>(c);
      out += '%';
      out += "0123456789ABCDEF"[value >> 4];
      out += "0123456789ABCDEF"[value & 15];
    }
  }
}

void append_canonical_target(std::string& out, std::string_view target, canonical_options o) {
  if (target == "/") {  // all of SQS
    out += "/\n";
    return;
  }
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view path = mark == 0 ? "/" : target.substr(0, mark);
  append_path(out, o.normalize_path ? normalized(path) : path);
  out += '\n';
  if (mark < target.size()) append_query(out, target.substr(mark + 1));
}

canonical canonical_request(const request& r, std::string_view payload_hash, canonical_options o) {
  canonical c;
  (c.text += r.method) += '\n';
  append_canonical_target(c.text, r.target, o);
  const auto headers = signed_of(r.headers, o.every_header);
  std::string_view previous;
  for (const auto& [name, value] : headers) {
    if (name == previous) {
      c.text += ',';
    } else {
      ((c.text += '\n') += name) += ':';
      if (!previous.empty()) c.signed_headers += ';';
      c.signed_headers += name;
    }
    append_collapsed(c.text, value);
    previous = name;
  }
  ((((c.text += "\n\n") += c.signed_headers) += '\n') += payload_hash);
  return c;
}

}  // namespace sluice::aws::sigv4
