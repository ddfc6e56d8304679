#pragma once

#include <string>
#include <string_view>

namespace sluice::aws {

/// `https://sqs.<region>.amazonaws.com` (.amazonaws.com.cn in China; FIPS and dual-stack by
/// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT).
std::string sqs_endpoint(std::string_view region, bool fips = false, bool dual_stack = false);

}  // namespace sluice::aws
