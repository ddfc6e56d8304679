#include "aws/exchange.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <iterator>
#include <utility>

#include "core/verdict.hpp"

namespace sluice::aws {

namespace asio = boost::asio;

result<peer> make_peer(std::string_view url, std::string_view place, const std::string& ca_bundle) {
  auto endpoint = http::parse_endpoint(url);
  if (!endpoint) return std::move(endpoint).error().in(place);
  peer p{*std::move(endpoint), nullptr};
  if (p.endpoint.tls) {
    auto tls = http::make_tls_context(ca_bundle);
    if (!tls) return tls.error();
    p.tls = *std::move(tls);
  }
  return p;
}

asio::awaitable<result<exchanged>> exchange(const network& n, const peer& to, const http::request& r,
                                            std::chrono::milliseconds timeout) {
  constexpr std::size_t body_bytes_max = 64 * 1024;
  http::client client(n.executor, to.endpoint, {.connect_timeout = timeout, .body_bytes_max = body_bytes_max},
                      to.tls);
  auto answer = co_await client.send(r, timeout);
  if (!answer) co_return answer.error();
  co_return exchanged{answer->status, std::string(answer->body)};
}

asio::awaitable<result<credentials>> try_again(
    const network& n, int tries, const std::function<asio::awaitable<result<credentials>>()>& once) {
  for (;;) {
    auto c = co_await once();
    if (c || --tries == 0 || !may_pass(classify(c.error()))) co_return c;
    asio::steady_timer pause(n.executor, n.pause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

result<std::string> read_token(const std::string& path, std::string_view place) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in || text.empty() || text.find_first_of("\r\n") != text.npos) {
    return failure{errc::missing_credentials,
                   fmt::format("{}: {} {}", place, path,
                               !in            ? "cannot be read"
                               : text.empty() ? "is empty"
                                              : "holds a line break"),
                   "it must be a file with a token and nothing else"};
  }
  return text;
}

}  // namespace sluice::aws
