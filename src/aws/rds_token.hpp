#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"
#include "core/secret.hpp"

namespace sluice::aws {

/// A password for `user` of the RDS or Aurora instance at `host:port`, which must be its own name and not an
/// alias: an URL presigned for 15 minutes, without its scheme (RDS user guide, "Connecting using IAM
/// authentication"; botocore's generate_db_auth_token). It is needed to log in only, so each connection gets
/// one of its own. Pure.
secret rds_token(const credentials& c, std::string_view host, std::string_view port, std::string_view user,
                 std::string_view region, std::chrono::sys_seconds at);

}  // namespace sluice::aws
