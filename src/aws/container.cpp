#include "aws/container.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <span>

#include "aws/credentials_document.hpp"

namespace sluice::aws {
namespace {

constexpr const char* relative_uri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* full_uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* token_file_variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
constexpr const char* token_itself = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr std::string_view ecs_address = "169.254.170.2";

bool is_trusted_host(const std::string& host) {
  if (host == "localhost" || host == ecs_address || host == "169.254.170.23" || host == "fd00:ec2::23") {
    return true;
  }
  boost::system::error_code none;
  const auto address = boost::asio::ip::make_address(host, none);
  return !none && address.is_loopback();
}

}  // namespace

bool container_source::is_named(const environment& env) {
  return env(relative_uri) || env(full_uri);
}

result<peer> container_source::find(const environment& env, const std::string& ca_bundle) {
  if (const auto path = env(relative_uri)) {
    // Anything else would be a part of the host.
    if (!path->starts_with('/')) {
      return failure{errc::bad_configuration, fmt::format("{} does not begin with /", relative_uri),
                     "ECS sets it: leave it as it was"};
    }
    return make_peer(fmt::format("http://{}{}", ecs_address, *path), relative_uri, {});
  }
  auto p = make_peer(*env(full_uri), full_uri, ca_bundle);
  if (p && !p->endpoint.tls && !is_trusted_host(p->endpoint.host)) {
    return failure{
        errc::bad_configuration,
        fmt::format("{}: credentials are not asked of {} over plain http", full_uri, p->endpoint.host),
        "use https, or an address of ECS, of EKS or of this machine"};
  }
  return p;
}

result<std::string> container_source::token() const {
  if (const auto path = env_(token_file_variable)) return read_token(*path, token_file_variable);
  return env_(token_itself).value_or("");
}

boost::asio::awaitable<result<credentials>> container_source::fetch() {
  auto t = token();
  if (!t) co_return t.error();
  const auto once = [this, &t] { return fetch_once(*t); };
  co_return co_await try_again(network_, tries_max, once);
}

boost::asio::awaitable<result<credentials>> container_source::fetch_once(std::string token) {
  const std::array<http::header, 2> headers = {{{"Accept", "application/json"}, {"Authorization", token}}};
  const http::request r{.method = "GET",
                        .target = at_.endpoint.target,
                        .headers = std::span(headers.data(), token.empty() ? 1 : 2)};
  auto answer = co_await exchange(network_, at_, r, network_.container_timeout);
  if (!answer) co_return answer.error();
  const std::string where = fmt::format("credentials of the container, {}", to_string(at_.endpoint));
  if (answer->status != 200) {
    co_return failure{http_status(answer->status), fmt::format("{}: status {}", where, answer->status),
                      "look at the task role, or at the pod identity association", std::move(answer->body)};
  }
  auto c = parse_credentials_json(answer->body);
  if (!c) co_return std::move(c).error().in(where);
  c->source = "container";
  co_return c;
}

}  // namespace sluice::aws
