#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"
#include "aws/digest.hpp"
#include "aws/sigv4.hpp"
#include "core/secret.hpp"

namespace sluice::aws {

/// Signs many requests with one region and service: keeps the day's key and its own strings, so that it
/// allocates nothing once they have grown. A short request that is signed again within its second, as those
/// of many pollers are, is not hashed again: all that is hashed is the same.
///
/// One per loop; not thread-safe. Credentials and time are given with each call; the key is derived
/// again when the secret or the UTC day changes.
class signer {
 public:
  signer(std::string region, std::string service);

  /// Views that live until the next call.
  struct signed_headers {
    std::string_view date;           ///< X-Amz-Date
    std::string_view authorization;  ///< Authorization
    std::string_view session_token;  ///< X-Amz-Security-Token; empty if there is none
  };
  /// `headers` are those to sign beside host, x-amz-date and x-amz-security-token: lower-case names, sorted,
  /// trimmed values. `host` is the Host header's value, byte for byte.
  signed_headers sign(const credentials& c, std::string_view method, std::string_view host,
                      std::string_view target, std::span<const sigv4::header> headers, std::string_view body,
                      std::chrono::sys_seconds at);

 private:
  void use_key_of(const credentials& c);
  void append_headers(std::string_view host, std::span<const sigv4::header> headers);

  sigv4::scope scope() const noexcept { return {region_, service_}; }

  std::string region_;
  std::string service_;
  hmac_sha256 hmac_;  ///< with the key of key_date_ and key_secret_
  std::string key_date_;
  secret key_secret_;
  secret token_;
  std::chrono::sys_seconds at_{};  ///< of date_
  std::string date_, canonical_, names_, to_sign_, signature_, authorization_;

  static constexpr std::size_t short_body_bytes = 512;
  struct signed_request {
    std::string access_key_id, canonical, body;  ///< canonical but for the body's hash
    std::string authorization;
  } last_;  ///< of those with a short body
};

}  // namespace sluice::aws
