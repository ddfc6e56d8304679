#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "aws/credentials.hpp"
#include "aws/environment.hpp"
#include "core/failure.hpp"

namespace sluice::aws {

/// Gives credentials; the later providers (container, instance, web identity) refresh them before they
/// expire.
class credentials_provider {
 public:
  virtual ~credentials_provider() = default;
  /// Never null. `refresh` asks for new ones even if those at hand have not expired (after the peer refused
  /// them).
  virtual boost::asio::awaitable<result<std::shared_ptr<const credentials>>> get(bool refresh = false) = 0;
};

/// The chain: environment, then profile files. Fails with `missing_credentials`, saying where it looked and
/// what to set. SSO and `credential_process` profiles are refused with a message that names them.
result<std::shared_ptr<credentials_provider>> make_provider(const environment& env);

}  // namespace sluice::aws
