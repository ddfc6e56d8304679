#include "aws/sts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "aws/credentials_document.hpp"
#include "aws/signer.hpp"
#include "aws/sigv4.hpp"
#include "core/verdict.hpp"

namespace sluice::aws {
namespace {

constexpr std::string_view content_type = "application/x-www-form-urlencoded; charset=utf-8";

void append_field(std::string& body, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  ((body += '&') += name) += '=';
  sigv4::append_percent_encoded(body, value);
}

std::string form(std::string_view action, const role& r) {
  std::string body = fmt::format("Action={}&Version=2011-06-15", action);
  append_field(body, "RoleArn", r.arn);
  append_field(body, "RoleSessionName", r.session_name);
  append_field(body, "DurationSeconds", r.duration_seconds);
  return body;
}

// Shown only if it looks like one: it is the server's text.
bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
  });
}

failure refused(const sts& at, std::string_view action, const role& r, exchanged answer) {
  const auto name = sts_error_code(answer.body);
  const aws_errc known = aws_error_from_name(name);
  // An identity provider that STS cannot reach may answer the next time.
  const bool passes = name == "IDPCommunicationError";
  error_code code = known == aws_errc::unknown ? http_status(answer.status) : make_error_code(known);
  if (passes) code = make_error_code(aws_errc::internal);
  const std::string what =
      fmt::format("{} of {} at {}: refused with {}", action, r.arn, to_string(at.at.endpoint),
                  is_code(name) ? std::string(name) : fmt::format("status {}", answer.status));
  return {code, what, "look at the role's trust policy, and at what may take it on", std::move(answer.body)};
}

result<credentials> taken(const sts& at, std::string_view action, const role& r, exchanged answer) {
  if (answer.status != 200) return refused(at, action, r, std::move(answer));
  auto c = parse_sts_answer(answer.body);
  if (!c) return std::move(c).error().in(fmt::format("{} at {}", action, to_string(at.at.endpoint)));
  c->source = fmt::format("role {}", r.arn);
  return c;
}

}  // namespace

boost::asio::awaitable<result<credentials>> assumed_role_source::fetch() {
  const auto once = [this] { return fetch_once(); };
  co_return co_await try_again(network_, tries_max, once);
}

// Keys that STS refuses may have been replaced since they were read.
boost::asio::awaitable<result<credentials>> assumed_role_source::fetch_once() {
  auto keys = co_await base_->get();
  if (!keys) co_return keys.error();
  auto role = co_await assume(**keys);
  if (role || classify(role.error()) != verdict::auth) co_return role;
  auto fresh = co_await base_->get(true);
  if (!fresh || (*keys)->has_same_keys(**fresh)) co_return role;
  co_return co_await assume(**fresh);
}

boost::asio::awaitable<result<credentials>> assumed_role_source::assume(const credentials& keys) {
  std::string body = form("AssumeRole", role_);
  append_field(body, "ExternalId", role_.external_id);

  signer signer(sts_.region, "sts");
  const http::endpoint& to = sts_.at.endpoint;
  const std::array<sigv4::header, 1> to_sign = {{{"content-type", content_type}}};
  const auto s = signer.sign(keys, "POST", to.host_header, to.target, to_sign, body, network_.now());
  const std::array<http::header, 4> headers = {{{"Content-Type", content_type},
                                                {"X-Amz-Date", s.date},
                                                {"Authorization", s.authorization},
                                                {"X-Amz-Security-Token", s.session_token}}};
  const http::request r{.method = "POST",
                        .target = to.target,
                        .headers = std::span(headers.data(), s.session_token.empty() ? 3 : 4),
                        .body = body};
  auto answer = co_await exchange(network_, sts_.at, r, network_.sts_timeout);
  if (!answer) co_return answer.error();
  co_return taken(sts_, "AssumeRole", role_, *std::move(answer));
}

boost::asio::awaitable<result<credentials>> web_identity_source::fetch() {
  const auto once = [this] { return fetch_once(); };
  co_return co_await try_again(network_, tries_max, once);
}

boost::asio::awaitable<result<credentials>> web_identity_source::fetch_once() {
  auto token = read_token(token_file_, "web identity");
  if (!token) co_return token.error();
  std::string body = form("AssumeRoleWithWebIdentity", role_);
  append_field(body, "WebIdentityToken", *token);
  const std::array<http::header, 1> headers = {{{"Content-Type", content_type}}};
  const http::request r{
      .method = "POST", .target = sts_.at.endpoint.target, .headers = headers, .body = body};
  auto answer = co_await exchange(network_, sts_.at, r, network_.sts_timeout);
  if (!answer) co_return answer.error();
  co_return taken(sts_, "AssumeRoleWithWebIdentity", role_, *std::move(answer));
}

}  // namespace sluice::aws
