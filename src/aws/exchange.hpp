#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "aws/credentials_source.hpp"
#include "http/client.hpp"

namespace sluice::aws {

/// A place to ask, and TLS for it (null where it is plain http).
struct peer {
  http::endpoint endpoint;
  std::shared_ptr<boost::asio::ssl::context> tls;
};
/// From a URL; `place` ("AWS_ENDPOINT_URL_STS") is named when it is none. `ca_bundle` as in
/// `make_tls_context`.
result<peer> make_peer(std::string_view url, std::string_view place, const std::string& ca_bundle);

struct exchanged {
  unsigned status = 0;
  std::string body;
};
/// One request on a connection of its own: credentials are fetched a few times a day.
boost::asio::awaitable<result<exchanged>> exchange(const network& n, const peer& to, const http::request& r,
                                                   std::chrono::milliseconds timeout);

/// Where the answer of one try is not enough: of credentials that are needed.
inline constexpr int tries_max = 3;

/// Up to `tries` times, with `network::pause` between, as long as the failure is one that may pass.
boost::asio::awaitable<result<credentials>> try_again(
    const network& n, int tries, const std::function<boost::asio::awaitable<result<credentials>>()>& once);

/// The text of a token file, read anew each time, for whoever mounts it rotates it. `missing_credentials` if
/// it cannot be read, is empty, or holds a line break (it becomes part of a header).
result<std::string> read_token(const std::string& path, std::string_view place);

}  // namespace sluice::aws
