#pragma once

#include <string>
#include <string_view>

namespace sluice::aws {

/// `https://<service>.<region>.amazonaws.com` (.amazonaws.com.cn in China; FIPS and dual-stack by
/// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT). `service` is sqs or sts, which have the same rules.
std::string regional_endpoint(std::string_view service, std::string_view region, bool fips = false,
                              bool dual_stack = false);

}  // namespace sluice::aws
