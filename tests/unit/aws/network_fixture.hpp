#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "aws/provider.hpp"
#include "support/http_script.hpp"
#include "unit/aws/aws_files.hpp"

namespace tests {

using namespace std::chrono_literals;

/// A loop, a clock that stands until it is moved, and a machine without AWS files whose instance metadata is
/// switched off. Waits are short: what the scripts do not answer is given up after 50 ms.
struct aws_network {
  boost::asio::io_context loop;
  aws_files files{""};
  std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 12h;
  sluice::aws::network network{.executor = loop.get_executor(),
                               .now = [this] { return now; },
                               .metadata_timeout = 50ms,
                               .container_timeout = 50ms,
                               .sts_timeout = 50ms,
                               .pause = 1ms};

  aws_network() { files.variables["AWS_EC2_METADATA_DISABLED"] = "true"; }

  sluice::result<std::shared_ptr<sluice::aws::credentials_provider>> provider() {
    return sluice::aws::make_provider(files.env(), network);
  }
};

inline constexpr const char* evening = "2026-01-02T18:00:00Z";

inline boost::asio::awaitable<sluice::result<sluice::aws::credentials>> get(
    std::shared_ptr<sluice::aws::credentials_provider> provider) {
  auto c = co_await provider->get();
  if (!c) co_return c.error();
  co_return **c;
}

inline sluice::result<sluice::aws::credentials> first_of(aws_network& a) {
  auto provider = a.provider();
  if (!provider) return provider.error();
  return run_on(a.loop, get(*provider));
}

inline bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

/// As the container endpoints and the instance metadata write them.
inline std::string keys_as_json(const std::string& id, const std::string& expiration) {
  return R"({"RoleArn":"arn","AccessKeyId":")" + id + R"(","SecretAccessKey":"secret/)" + id +
         R"(","Token":"token==",)" + R"("Expiration":")" + expiration + R"("})";
}

/// As STS writes them.
inline std::string keys_as_xml(const std::string& action, const std::string& id,
                               const std::string& expiration) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result>\n<Credentials><AccessKeyId>" + id + "</AccessKeyId><SecretAccessKey>secret/" + id +
         "</SecretAccessKey><SessionToken>token==</SessionToken><Expiration>" + expiration +
         "</Expiration></Credentials></" + action + "Result></" + action + "Response>";
}

}  // namespace tests
