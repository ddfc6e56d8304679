#include "http/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace sluice::http {
namespace {

// A password must not be echoed: the message names no part of what may hold one.
failure refused(std::string_view url, std::string_view why) {
  if (url.find('@') != url.npos) url = "...@...";
  return {errc::bad_configuration, fmt::format("endpoint \"{}\": {}", url, why),
          "write it as http://host:port or https://host"};
}

}  // namespace

result<endpoint> parse_endpoint(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return refused(url, "not a URL");
  const boost::urls::url_view& u = *parsed;

  endpoint e;
  e.tls = u.scheme_id() == boost::urls::scheme::https;
  if (!e.tls && u.scheme_id() != boost::urls::scheme::http) {
    return refused(url, "its scheme is neither http nor https");
  }
  if (u.has_userinfo()) return refused(url, "user and password have no place in it");
  if (u.has_fragment()) return refused(url, "it has a fragment (#)");
  if (u.encoded_host().empty()) return refused(url, "it has no host");
  // Boost 1.81 takes four numbers for an address, whatever follows: what is left of the name would be a path.
  if (const auto path = u.encoded_path(); !path.empty() && path.front() != '/')
    return refused(url, "its host begins like an IPv4 address, and is none");

  const std::uint16_t own_port = e.tls ? 443 : 80;
  e.port = own_port;
  if (u.has_port()) {
    const std::string_view port = u.port();
    const auto read = std::from_chars(port.data(), port.data() + port.size(), e.port);
    if (read.ec != std::errc() || e.port == 0) return refused(url, "its port is not in 1 to 65535");
  }
  e.host_header = u.encoded_host();
  std::ranges::transform(e.host_header, e.host_header.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  e.host = e.host_header;
  if (e.host.starts_with('[')) e.host = e.host.substr(1, e.host.size() - 2);
  if (e.port != own_port) e.host_header += ':' + std::to_string(e.port);
  if (!u.encoded_resource().empty()) e.target = u.encoded_resource();
  if (!e.target.starts_with('/')) e.target.insert(0, 1, '/');
  return e;
}

std::string to_string(const endpoint& e) {
  return (e.tls ? "https://" : "http://") + e.host_header;
}

}  // namespace sluice::http
