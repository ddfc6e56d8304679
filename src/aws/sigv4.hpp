#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/credentials.hpp"

namespace sluice::aws {

/// Signature Version 4 (AWS General Reference, "Create a signed AWS API request"). Pure: time and credentials
/// are passed in.
namespace sigv4 {

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

/// The stages, apart, because tests (and the verifier of the local queue) look at each.
struct canonical {
  std::string text;            ///< the canonical request
  std::string signed_headers;  ///< "host;x-amz-date"
};
struct canonical_options {
  bool normalize_path = true;  ///< S3 alone does not
};
/// Every header given is signed, except those that proxies change (connection, user-agent, x-amzn-trace-id,
/// ...).
canonical canonical_request(const request& r, std::string_view payload_hash, canonical_options o = {});
std::string sha256_hex(std::string_view data);
std::string amz_date(std::chrono::sys_seconds at);  ///< 20150830T123600Z
std::string string_to_sign(std::string_view date, const scope& s, std::string_view canonical_text);

using key = std::array<std::byte, 32>;
/// HMAC chain "AWS4"+secret, date (YYYYMMDD), region, service, "aws4_request". Callers keep it for the day.
key signing_key(std::string_view secret_access_key, std::string_view yyyymmdd, const scope& s);
std::string signature(const key& k, std::string_view string_to_sign);  ///< hex
std::string authorization(std::string_view access_key_id, std::string_view date, const scope& s,
                          std::string_view signed_headers, std::string_view signature);
/// Query form, for RDS tokens: returns the target with X-Amz-* parameters and X-Amz-Signature at the end.
std::string presign(const request& r, const credentials& c, const scope& s, std::chrono::sys_seconds at,
                    std::chrono::seconds expires, canonical_options o = {}, bool sign_session_token = true);

}  // namespace sigv4

/// Signs requests with the same credentials, region and service many times: keeps the day's key, allocates
/// little.
///
/// One per connection; not thread-safe. The views in `signed_headers` live until the next call.
class signer {
 public:
  signer(std::string region, std::string service);

  struct signed_headers {
    std::string_view date;           ///< X-Amz-Date
    std::string_view authorization;  ///< Authorization
    std::string_view session_token;  ///< X-Amz-Security-Token; empty if there is none
  };
  /// `headers` are those to sign beside host, x-amz-date and x-amz-security-token: lower-case names, sorted,
  /// trimmed values.
  signed_headers sign(const credentials& c, std::string_view method, std::string_view host,
                      std::string_view target, std::span<const sigv4::header> headers, std::string_view body,
                      std::chrono::sys_seconds at);

 private:
  std::string region_;
  std::string service_;
  std::string key_date_;
  secret key_secret_;
  sigv4::key key_{};
  std::string date_, authorization_, token_, scratch_;
};

}  // namespace sluice::aws
