#include "app/rds_login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "aws/provider.hpp"
#include "aws/rds_token.hpp"
#include "aws/settings.hpp"

namespace sluice::app {
namespace {

using boost::asio::any_io_executor;

boost::asio::awaitable<result<secret>> make_token(aws::environment env, std::string region,
                                                  any_io_executor executor, const pg::connect_options& to,
                                                  boost::asio::cancellation_slot end) {
  const aws::network network{.executor = std::move(executor)};
  auto provider = aws::make_provider(env, network);
  if (!provider) co_return provider.error();
  auto keys = co_await (*provider)->get(false, end);
  if (!keys) co_return keys.error();
  co_return aws::rds_token(**keys, to.host, to.port, to.user, region, network.now());
}

}  // namespace

result<> use_rds_login(config& c) {
  const std::string& from = c.values.find("database.auth")->source;
  const auto impossible = [&](std::string what, std::string fix) {
    return failure{errc::bad_configuration, fmt::format("{} is rds-iam, but {}", from, what), std::move(fix)};
  };
  if (const value* password = c.values.find("database.password")) {
    return impossible(fmt::format("{} gives a password", password->source), "unset one of the two");
  }
  if (c.database.host.empty() || c.database.host.starts_with('/')) {
    return impossible("there is no host to sign for", "set PGHOST to the instance's own name");
  }
  constexpr std::array<std::string_view, 3> with_tls = {"require", "verify-ca", "verify-full"};
  if (const auto mode = c.env("PGSSLMODE"); !mode) {
    c.database.extra.emplace_back("sslmode", "verify-full");
  } else if (std::ranges::find(with_tls, *mode) == with_tls.end()) {
    return impossible(fmt::format("PGSSLMODE={} would send the token in the clear", *mode),
                      "set PGSSLMODE=verify-full, and PGSSLROOTCERT to the bundle of RDS");
  }
  const auto aws = aws::load_settings(c.env);
  if (!aws) return aws.error();
  if (aws->region.empty()) return impossible("there is no AWS region", "set AWS_REGION to the instance's");
  c.database.password_for = [env = c.env, region = aws->region](any_io_executor executor,
                                                                const pg::connect_options& to,
                                                                boost::asio::cancellation_slot end) {
    return make_token(env, region, std::move(executor), to, end);
  };
  return {};
}

}  // namespace sluice::app
