#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/credentials_source.hpp"
#include "aws/exchange.hpp"
#include "aws/provider.hpp"

namespace sluice::aws {

/// The role to take on, and what goes into the request for it.
struct role {
  std::string arn;
  std::string session_name = "sluice";  ///< what CloudTrail shows
  std::string external_id;              ///< may be empty
  std::string duration_seconds;         ///< empty: an hour
};

/// The regional Security Token Service.
struct sts {
  peer at;
  std::string region;
};

/// AssumeRole, signed with another provider's credentials (STS API reference).
class assumed_role_source final : public credentials_source {
 public:
  assumed_role_source(role r, std::shared_ptr<credentials_provider> base, sts at, network n)
      : role_(std::move(r)), base_(std::move(base)), sts_(std::move(at)), network_(std::move(n)) {}
  boost::asio::awaitable<result<credentials>> fetch() override;

 private:
  boost::asio::awaitable<result<credentials>> fetch_once();
  boost::asio::awaitable<result<credentials>> assume(const credentials& keys);

  role role_;
  std::shared_ptr<credentials_provider> base_;
  sts sts_;
  network network_;
};

/// AssumeRoleWithWebIdentity: the token in a file stands for a signature. EKS service accounts use it.
class web_identity_source final : public credentials_source {
 public:
  web_identity_source(role r, std::string token_file, sts at, network n)
      : role_(std::move(r)),
        token_file_(std::move(token_file)),
        sts_(std::move(at)),
        network_(std::move(n)) {}
  boost::asio::awaitable<result<credentials>> fetch() override;

 private:
  boost::asio::awaitable<result<credentials>> fetch_once();

  role role_;
  std::string token_file_;
  sts sts_;
  network network_;
};

}  // namespace sluice::aws
