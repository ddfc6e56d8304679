#include "support/sqs_server/verifier.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace sluice::sqs_server {
namespace {

namespace sigv4 = aws::sigv4;
constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view header_of(const sigv4::request& r, std::string_view name) {
  for (const auto& h : r.headers) {
    if (same_name(h.name, name)) return h.value;
  }
  return {};
}

service_error incomplete(std::string message) {
  return errors::access("IncompleteSignatureException", "IncompleteSignature", 400, std::move(message));
}
service_error mismatch(std::string message) {
  return errors::access("InvalidSignatureException", "SignatureDoesNotMatch", 403, std::move(message));
}
service_error unknown_client() {
  return errors::access("UnrecognizedClientException", "InvalidClientTokenId", 403,
                        "The security token included in the request is invalid.");
}

/// 20150830T123600Z, and nothing else.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [&](std::size_t from, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(from, digits)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const int year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

template <class F>
void for_each_part(std::string_view text, char separator, F&& f) {
  for (;;) {
    const auto end = text.find(separator);
    f(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

struct verifier::claim {
  std::string_view access_key_id, day, region, service, terminator;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view date;
  std::chrono::sys_seconds at;
};

void verifier::add_key(std::string id, secret secret_access_key, std::string session_token) {
  key_entry& key = keys_[std::move(id)];
  key.value = std::move(secret_access_key);
  key.session_token = std::move(session_token);
}

void verifier::deny(std::string_view access_key_id, std::string_view action) {
  if (const auto colon = action.find(':'); colon != std::string_view::npos) action.remove_prefix(colon + 1);
  const auto key = keys_.find(access_key_id);
  if (key == keys_.end())
    throw std::invalid_argument(fmt::format("--deny {}: no such access key", access_key_id));
  key->second.denied.insert(lower_case(action));
}

outcome<std::string_view> verifier::verify(const sigv4::request& r, std::chrono::sys_seconds now) {
  auto parsed = parse(r);
  if (!parsed) return parsed.error();
  const claim& c = *parsed;
  if (auto checked = check_scope(c); !checked) return checked.error();
  const auto key = keys_.find(c.access_key_id);
  if (key == keys_.end()) return unknown_client();
  if (header_of(r, "x-amz-security-token") != key->second.session_token) return unknown_client();
  if (auto checked = check_time(c, now); !checked) return checked.error();
  if (auto checked = check_signature(c, r, key->second); !checked) return checked.error();
  return std::string_view(key->first);
}

outcome<verifier::claim> verifier::parse(const sigv4::request& r) const {
  const std::string_view authorization = header_of(r, "authorization");
  if (authorization.empty()) {
    return errors::access("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403,
                          "Request is missing Authentication Token");
  }
  const auto space = authorization.find(' ');
  if (authorization.substr(0, space) != algorithm) {
    return incomplete(fmt::format("Unsupported AWS 'algorithm': '{}'.", authorization.substr(0, space)));
  }
  claim c;
  std::string_view credential;
  if (space != std::string_view::npos) {
    for_each_part(authorization.substr(space + 1), ',', [&](std::string_view part) {
      part = trim(part);
      const auto equals = part.find('=');
      if (equals == std::string_view::npos) return;
      const auto name = part.substr(0, equals), value = part.substr(equals + 1);
      if (name == "Credential") credential = value;
      if (name == "SignedHeaders") c.signed_headers = value;
      if (name == "Signature") c.signature = value;
    });
  }
  c.date = header_of(r, "x-amz-date");
  std::string missing;
  const auto require = [&](std::string_view value, std::string_view text) {
    if (value.empty()) missing += fmt::format("{} ", text);
  };
  require(credential, "Authorization header requires 'Credential' parameter.");
  require(c.signature, "Authorization header requires 'Signature' parameter.");
  require(c.signed_headers, "Authorization header requires 'SignedHeaders' parameter.");
  require(c.date, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  if (!missing.empty()) return incomplete(missing + "Authorization=" + std::string(algorithm));

  std::array<std::string_view, 5> parts;
  std::size_t count = 0;
  for_each_part(credential, '/', [&](std::string_view part) {
    if (count < parts.size()) parts[count] = part;
    ++count;
  });
  if (count != parts.size()) {
    return incomplete(
        fmt::format("Credential must have exactly 5 slash-delimited elements, e.g. "
                    "keyid/date/region/service/term, got '{}'",
                    credential));
  }
  c.access_key_id = parts[0], c.day = parts[1], c.region = parts[2], c.service = parts[3],
  c.terminator = parts[4];
  const auto at = parse_date(c.date);
  if (!at) return incomplete(fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'.", c.date));
  c.at = *at;
  return c;
}

outcome<> verifier::check_scope(const claim& c) const {
  if (c.terminator != "aws4_request") {
    return mismatch(fmt::format(
        "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.", c.terminator));
  }
  if (c.service != options_.service) {
    return mismatch(fmt::format("Credential should be scoped to correct service: '{}'.", options_.service));
  }
  if (c.region != options_.region) {
    return mismatch(fmt::format("Credential should be scoped to a valid region, not '{}'.", c.region));
  }
  if (c.day != c.date.substr(0, 8)) {
    return mismatch(fmt::format(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'{}' != '{}', from '{}'.",
        c.day, c.date.substr(0, 8), c.date));
  }
  return {};
}

outcome<> verifier::check_time(const claim& c, std::chrono::sys_seconds now) const {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(options_.tolerance).count();
  if (c.at < now - options_.tolerance) {
    return mismatch(fmt::format("Signature expired: {} is now earlier than {} ({} - {} min.)", c.date,
                                sigv4::amz_date(now - options_.tolerance), sigv4::amz_date(now), minutes));
  }
  if (c.at > now + options_.tolerance) {
    return mismatch(fmt::format("Signature not yet current: {} is still later than {} ({} + {} min.)", c.date,
                                sigv4::amz_date(now + options_.tolerance), sigv4::amz_date(now), minutes));
  }
  return {};
}

outcome<> verifier::check_signature(const claim& c, const sigv4::request& r, key_entry& key) const {
  const auto is_signed = [&](std::string_view name) {
    bool found = false;
    for_each_part(c.signed_headers, ';', [&](std::string_view s) { found = found || same_name(s, name); });
    return found;
  };
  if (!is_signed("host")) {
    return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  std::vector<sigv4::header> headers;
  headers.reserve(r.headers.size());
  for (const auto& h : r.headers) {
    if (is_signed(h.name)) {
      headers.push_back(h);
    } else if (h.name.size() > 6 && same_name(h.name.substr(0, 6), "x-amz-") &&
               !same_name(h.name, "x-amz-security-token")) {  // may be added after signing
      return mismatch(
          fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", lower_case(h.name)));
    }
  }
  const std::string hash = sigv4::sha256_hex(r.body);
  const sigv4::scope scope{options_.region, options_.service};
  if (key.day != c.day) {
    key.signing_key = sigv4::signing_key(key.value.reveal(), c.day, scope);
    key.day = c.day;
  }
  const auto canonical =
      sigv4::canonical_request({r.method, r.target, headers, r.body}, hash, {options_.normalize_path, true});
  const std::string expected =
      sigv4::signature(key.signing_key, sigv4::string_to_sign(c.date, scope, canonical.text));
  // A list that is not sorted, or names a header that is not there, gives another canonical request.
  if (canonical.signed_headers != c.signed_headers || c.signature.size() != expected.size() ||
      CRYPTO_memcmp(c.signature.data(), expected.data(), expected.size()) != 0) {
    return mismatch(
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret "
        "Access Key and signing method. Consult the service documentation for details.");
  }
  return {};
}

outcome<> verifier::authorize(std::string_view access_key_id, std::string_view action,
                              std::string_view resource_arn) const {
  const auto key = keys_.find(access_key_id);
  if (key == keys_.end() || key->second.denied.empty()) return {};
  // A batch needs the permission of its single action.
  if (action.ends_with("Batch")) action.remove_suffix(5);
  const std::string name = lower_case(action);
  if (!key->second.denied.contains(name) && !key->second.denied.contains("*")) return {};
  return errors::access(
      "AccessDeniedException", "AccessDenied", 403,
      fmt::format(
          "User: arn:aws:iam::000000000000:user/{} is not authorized to perform: sqs:{} on resource: {} "
          "because no identity-based policy allows the sqs:{} action",
          access_key_id, name, resource_arn, name));
}

}  // namespace sluice::sqs_server
