#pragma once

#include <string>

#include "aws/credentials_source.hpp"
#include "aws/environment.hpp"
#include "aws/exchange.hpp"

namespace sluice::aws {

/// The instance metadata service, version 2 only: a token by PUT, then the role's name, then its credentials.
/// Source: EC2 user guide, "Use IMDSv2"; AWS_EC2_METADATA_DISABLED, _SERVICE_ENDPOINT and
/// _SERVICE_ENDPOINT_MODE as in the SDKs.
class instance_source final : public credentials_source {
 public:
  static bool is_disabled(const environment& env);
  static result<peer> find(const environment& env);

  /// `looked` says where credentials were looked for before; it is part of the failure when there is no such
  /// service either, as on any machine that is not an instance.
  instance_source(peer at, std::string looked, network n)
      : at_(std::move(at)), looked_(std::move(looked)), network_(std::move(n)) {}

  boost::asio::awaitable<result<credentials>> fetch() override;

 private:
  boost::asio::awaitable<result<credentials>> fetch_once();
  boost::asio::awaitable<result<std::string>> ask(std::string_view method, std::string target,
                                                  http::header header);

  peer at_;
  std::string looked_;
  network network_;
  bool has_answered_ = false;
};

}  // namespace sluice::aws
