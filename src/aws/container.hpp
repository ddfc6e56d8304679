#pragma once

#include <memory>
#include <string>

#include "aws/credentials_source.hpp"
#include "aws/environment.hpp"
#include "aws/exchange.hpp"

namespace sluice::aws {

/// The endpoint beside a container: ECS and Fargate (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI) and EKS pod
/// identity (AWS_CONTAINER_CREDENTIALS_FULL_URI with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE). Source: SDK
/// reference guide, "Container credential provider".
class container_source final : public credentials_source {
 public:
  /// Whether the environment names such an endpoint.
  static bool is_named(const environment& env);
  /// Over plain http, only loopback and the addresses of ECS and EKS are asked: `bad_configuration` for
  /// another.
  static result<peer> find(const environment& env, const std::string& ca_bundle);

  container_source(environment env, peer at, network n)
      : env_(std::move(env)), at_(std::move(at)), network_(std::move(n)) {}

  boost::asio::awaitable<result<credentials>> fetch() override;

 private:
  boost::asio::awaitable<result<credentials>> fetch_once(std::string token);
  result<std::string> token() const;

  environment env_;
  peer at_;
  network network_;
};

}  // namespace sluice::aws
