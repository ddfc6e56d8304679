#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/failure.hpp"

namespace sluice::http {

/// Where to connect, and what the Host header says.
struct endpoint {
  bool tls = true;
  std::string host;  ///< name or address, IPv6 without brackets
  std::uint16_t port = 443;
  std::string host_header;   ///< as signed: lower case, port only if not the scheme's own, IPv6 in brackets
  std::string target = "/";  ///< the URL's path and query, as given

  bool operator==(const endpoint&) const = default;
};

/// Parses `http://host[:port][/path]` or https. Refuses user info, fragments and other schemes with
/// `bad_configuration`.
result<endpoint> parse_endpoint(std::string_view url);

/// `https://host[:port]`, for messages.
std::string to_string(const endpoint& e);

}  // namespace sluice::http
