#include "aws/endpoints.hpp"

#include <fmt/format.h>

namespace sluice::aws {

// Source: the endpoint rule sets of SQS and STS in botocore.
std::string regional_endpoint(std::string_view service, std::string_view region, bool fips, bool dual_stack) {
  const bool china = region.starts_with("cn-");
  std::string_view domain = china ? "amazonaws.com.cn" : "amazonaws.com";
  if (dual_stack) domain = china ? "api.amazonwebservices.com.cn" : "api.aws";
  // GovCloud's only endpoint is the FIPS one.
  const bool named_so = fips && (dual_stack || !region.starts_with("us-gov-"));
  return fmt::format("https://{}{}.{}.{}", service, named_so ? "-fips" : "", region, domain);
}

}  // namespace sluice::aws
