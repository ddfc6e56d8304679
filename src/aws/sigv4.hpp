#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"

/// Signature Version 4 (AWS General Reference, "Create a signed AWS API request"). Pure: time and credentials
/// are passed in. `aws::signer` signs many requests; these are its stages, apart, for presigned URLs, for the
/// local queue's verifier, and for tests.
namespace sluice::aws::sigv4 {

struct header {
  std::string_view name;
  std::string_view value;
};

struct request {
  std::string_view method;
  std::string_view target;  ///< path and query as they go on the wire
  std::span<const header> headers;
  std::string_view body;
};

struct scope {
  std::string_view region;
  std::string_view service;
};

struct canonical_options {
  bool normalize_path = true;  ///< S3 alone does not
  bool every_header = false;   ///< also those that proxies change: a verifier takes what the client signed
};

struct canonical {
  std::string text;            ///< the canonical request
  std::string signed_headers;  ///< "host;x-amz-date"
};
/// Every header given is signed, except those that proxies change (connection, user-agent, x-amzn-trace-id,
/// ...) and authorization.
canonical canonical_request(const request& r, std::string_view payload_hash, canonical_options o = {});

std::string sha256_hex(std::string_view data);
std::string amz_date(std::chrono::sys_seconds at);  ///< 20150830T123600Z

/// `date` is an `amz_date`.
std::string string_to_sign(std::string_view date, const scope& s, std::string_view canonical_text);

using key = std::array<std::byte, 32>;
/// HMAC chain "AWS4"+secret, date (YYYYMMDD), region, service, "aws4_request". Callers keep it for the day.
key signing_key(std::string_view secret_access_key, std::string_view yyyymmdd, const scope& s);
std::string signature(const key& k, std::string_view string_to_sign);  ///< hex

/// The Authorization header's value.
std::string authorization(std::string_view access_key_id, std::string_view date, const scope& s,
                          std::string_view signed_headers, std::string_view signature);

/// Query form, for RDS tokens: returns the target with X-Amz-* parameters and X-Amz-Signature at the end.
std::string presign(const request& r, const credentials& c, const scope& s, std::chrono::sys_seconds at,
                    std::chrono::seconds expires, canonical_options o = {}, bool sign_session_token = true);

/// The same stages, appended to the caller's string: what `signer` reuses its memory with.
void append_canonical_target(std::string& out, std::string_view target, canonical_options o = {});
void append_amz_date(std::string& out, std::chrono::sys_seconds at);
void append_hex(std::string& out, std::span<const std::byte> bytes);
void append_string_to_sign(std::string& out, std::string_view date, const scope& s,
                           std::string_view canonical_text);
void append_authorization(std::string& out, std::string_view access_key_id, std::string_view date,
                          const scope& s, std::string_view signed_headers, std::string_view signature);
/// RFC 3986: all but A-Z a-z 0-9 - _ . ~ becomes %XX, upper case.
void append_percent_encoded(std::string& out, std::string_view text);

}  // namespace sluice::aws::sigv4
