#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <memory>

#include "aws/credentials.hpp"
#include "aws/credentials_source.hpp"
#include "aws/environment.hpp"
#include "core/failure.hpp"

namespace sluice::aws {

/// Gives credentials; those that expire are fetched again before they do (`refreshing_provider`).
class credentials_provider {
 public:
  virtual ~credentials_provider() = default;
  /// Never null. `refresh` asks for new ones even if those at hand have not expired (after the peer refused
  /// them). `end` ends a wait for them, with `errc::cancelled`, and leaves the fetch to others who wait.
  virtual boost::asio::awaitable<result<std::shared_ptr<const credentials>>> get(
      bool refresh = false, boost::asio::cancellation_slot end = {}) = 0;
};

/// The chain, as in the AWS SDKs (reference guide, "Credential provider chain"): the environment; the
/// profile, with its keys or with a role that it assumes by `source_profile`, `credential_source` or a web
/// identity token; the web identity of the environment; the container's endpoint, or else the instance
/// metadata.
///
/// Nothing is asked over the network yet: the first `get` does. Fails with `missing_credentials`, saying
/// where it looked and what to set. SSO, `credential_process` and `mfa_serial` are refused with a message
/// that names them: better than some other identity.
///
/// One loop's: `n.executor` is where the callers of `get` run.
result<std::shared_ptr<credentials_provider>> make_provider(const environment& env, const network& n);

}  // namespace sluice::aws
