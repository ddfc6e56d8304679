#pragma once

#include <optional>
#include <string>

#include "aws/environment.hpp"
#include "core/failure.hpp"

namespace sluice::aws {

/// Region, endpoint and trust as the AWS SDKs define them (SDK reference guide, "settings reference").
struct settings {
  std::string profile;  ///< AWS_PROFILE, or "default"
  std::string region;   ///< AWS_REGION, AWS_DEFAULT_REGION, profile; may be empty
  std::string region_source;
  /// AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, the profile's services section, the profile
  std::optional<std::string> endpoint_url;
  std::string endpoint_source;
  /// The same for STS, which roles are taken on at: AWS_ENDPOINT_URL_STS and so on
  std::optional<std::string> sts_endpoint_url;
  std::string ca_bundle;    ///< AWS_CA_BUNDLE, profile's ca_bundle
  bool fips = false;        ///< AWS_USE_FIPS_ENDPOINT, profile's use_fips_endpoint
  bool dual_stack = false;  ///< AWS_USE_DUALSTACK_ENDPOINT, profile's use_dualstack_endpoint
};

/// Reads AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE (or ~/.aws/config, ~/.aws/credentials). A profile
/// that is named but not found, a file that cannot be parsed, and a value that cannot be right, are
/// `bad_configuration` with their place.
result<settings> load_settings(const environment& env);

}  // namespace sluice::aws
