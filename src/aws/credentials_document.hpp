#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "aws/credentials.hpp"
#include "core/failure.hpp"

/// What the services that hand out credentials answer with. Pure.
namespace sluice::aws {

/// ISO 8601 in UTC as AWS writes it: 2026-01-02T03:04:05Z, with or without a fraction of the second.
std::optional<std::chrono::sys_seconds> parse_expiration(std::string_view text);

/// The JSON of the container endpoints and of the instance metadata service: AccessKeyId, SecretAccessKey,
/// Token, Expiration. `bad_answer` for anything else.
result<credentials> parse_credentials_json(std::string_view json);

/// The XML of AssumeRole and AssumeRoleWithWebIdentity (STS API reference). `bad_answer` for anything else.
result<credentials> parse_sts_answer(std::string_view xml);

/// The Code of an STS error answer ("ExpiredTokenException"); empty if there is none.
std::string_view sts_error_code(std::string_view xml);

}  // namespace sluice::aws
