#include "aws/instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "aws/credentials_document.hpp"

namespace sluice::aws {
namespace {

constexpr std::string_view token_target = "/latest/api/token";
constexpr std::string_view roles_target = "/latest/meta-data/iam/security-credentials/";

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

}  // namespace

bool instance_source::is_disabled(const environment& env) {
  return equals_ignoring_case(env("AWS_EC2_METADATA_DISABLED").value_or(""), "true");
}

result<peer> instance_source::find(const environment& env) {
  constexpr const char* variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  if (const auto url = env(variable)) return make_peer(*url, variable, {});
  const bool v6 = equals_ignoring_case(env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or(""), "ipv6");
  return make_peer(v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254", variable, {});
}

// Where nothing has answered yet, one try is enough: it is most likely no instance at all.
boost::asio::awaitable<result<credentials>> instance_source::fetch() {
  const auto once = [this] { return fetch_once(); };
  auto c = co_await try_again(network_, has_answered_ ? tries_max : 1, once);
  if (c) has_answered_ = true;
  if (c || has_answered_ || c.error().code == errc::missing_credentials) co_return c;
  co_return failure{
      errc::missing_credentials, fmt::format("{}; and no instance metadata: {}", looked_, c.error().what),
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (a local queue takes any); in a "
      "container on EC2, the instance's metadata hop limit must be 2"};
}

boost::asio::awaitable<result<credentials>> instance_source::fetch_once() {
  const http::header how_long{"x-aws-ec2-metadata-token-ttl-seconds", "60"};
  auto token = co_await ask("PUT", std::string(token_target), how_long);
  if (!token) co_return token.error();
  const http::header with_token{"x-aws-ec2-metadata-token", *token};
  auto role = co_await ask("GET", std::string(roles_target), with_token);
  if (!role) co_return role.error();
  role->erase(std::min(role->find('\n'), role->size()));
  auto document = co_await ask("GET", std::string(roles_target) + *role, with_token);
  if (!document) co_return document.error();

  auto c = parse_credentials_json(*document);
  if (!c) co_return std::move(c).error().in("instance metadata");
  // When the service cannot renew them it hands out the old; AWS takes them for a while longer (SDKs: "static
  // stability"). They are asked for again in a minute.
  if (*c->expires_at <= network_.now()) c->expires_at = network_.now() + std::chrono::minutes(15);
  c->source = fmt::format("instance role {}", *role);
  co_return c;
}

boost::asio::awaitable<result<std::string>> instance_source::ask(std::string_view method, std::string target,
                                                                 http::header header) {
  const http::request r{.method = method, .target = target, .headers = std::span(&header, 1)};
  auto answer = co_await exchange(network_, at_, r, network_.metadata_timeout);
  if (!answer) co_return answer.error();
  if (answer->status == 200) co_return std::move(answer->body);
  if (answer->status == 404 && target == roles_target) {
    co_return failure{errc::missing_credentials, "the instance has no role",
                      "attach an instance profile to it"};
  }
  co_return failure{http_status(answer->status),
                    fmt::format("instance metadata: status {} for {}", answer->status, target),
                    {},
                    std::move(answer->body)};
}

}  // namespace sluice::aws
