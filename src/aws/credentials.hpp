#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "core/secret.hpp"

namespace sluice::aws {

struct credentials {
  std::string access_key_id;
  secret secret_access_key;
  secret session_token;  ///< empty for long-lived keys
  std::optional<std::chrono::sys_seconds> expires_at;
  std::string source;  ///< "environment", "profile default": for `check` and messages
};

/// How the environment is read: injected, so that pure code and tests need none. Empty values count as unset.
using environment = std::function<std::optional<std::string>(std::string_view name)>;
/// The process's environment.
environment process_environment();

/// Region, endpoint and credentials as the AWS SDKs define them (facts: SDK reference guide, "settings
/// reference").
struct settings {
  std::string profile;  ///< AWS_PROFILE, or "default"
  std::string region;   ///< AWS_REGION, AWS_DEFAULT_REGION, profile; may be empty
  std::string region_source;
  std::optional<std::string>
      endpoint_url;  ///< AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, profile's services section, profile
  std::string endpoint_source;
  std::string ca_bundle;  ///< AWS_CA_BUNDLE, profile's ca_bundle
};

/// Reads AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE (or ~/.aws/config, ~/.aws/credentials). A profile
/// that is named but not found, and a file that cannot be parsed, are `bad_configuration` with file and line.
result<settings> load_settings(const environment& env);

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

/// `https://sqs.<region>.amazonaws.com` (.amazonaws.com.cn in China; FIPS and dual-stack by
/// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT).
std::string sqs_endpoint(std::string_view region, bool fips = false, bool dual_stack = false);

}  // namespace sluice::aws
