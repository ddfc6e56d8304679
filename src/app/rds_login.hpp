#pragma once

#include "app/config.hpp"

namespace sluice::app {

/// Makes `c.database` log in to RDS with IAM tokens: one for each connection, signed with the credentials
/// that its loop finds, and over TLS only (PGSSLMODE, or verify-full). `bad_configuration` for what cannot
/// work with that: a password, no host, a mode that would do without TLS, no region.
result<> use_rds_login(config& c);

}  // namespace sluice::app
