#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "aws/sigv4.hpp"
#include "core/secret.hpp"
#include "support/sqs_server/error.hpp"

namespace sluice::sqs_server {

/// Checks Signature Version 4 of the Authorization header as strictly as AWS, with its error names and texts.
///
/// `verify` is pure but for the signing key that it keeps for the day. One thread.
class verifier {
 public:
  struct options {
    std::string region = "us-east-1";
    std::string service = "sqs";
    std::chrono::seconds tolerance{300};
    bool normalize_path = true;
  };
  explicit verifier(options o) : options_(std::move(o)) {}

  /// With a session token, requests must carry it; without one, they must carry none.
  void add_key(std::string id, secret secret_access_key, std::string session_token = {});
  /// Makes an action ("SendMessage", any case, or "*") AccessDenied for that key.
  void deny(std::string_view access_key_id, std::string_view action);

  /// The access key id of whoever signed the request. Every header is looked at: those that the signature
  /// must cover and does not are an error.
  outcome<std::string_view> verify(const aws::sigv4::request& r, std::chrono::sys_seconds now);
  outcome<> authorize(std::string_view access_key_id, std::string_view action,
                      std::string_view resource_arn) const;

 private:
  struct key_entry {
    secret value;
    std::string session_token;
    std::set<std::string> denied;  ///< lower case
    std::string day;               ///< of `signing_key`
    aws::sigv4::key signing_key{};
  };
  struct claim;  // what the Authorization header says

  outcome<claim> parse(const aws::sigv4::request& r) const;
  outcome<> check_scope(const claim& c) const;
  outcome<> check_time(const claim& c, std::chrono::sys_seconds now) const;
  outcome<> check_signature(const claim& c, const aws::sigv4::request& r, key_entry& key) const;

  options options_;
  std::map<std::string, key_entry, std::less<>> keys_;
};

}  // namespace sluice::sqs_server
