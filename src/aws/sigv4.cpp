#include "aws/sigv4.hpp"

#include <fmt/format.h>

#include <iterator>

#include "aws/digest.hpp"
#include "core/encoding.hpp"

namespace sluice::aws::sigv4 {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

void append_scope(std::string& out, std::string_view date, const scope& s) {
  ((((out += date.substr(0, 8)) += '/') += s.region) += '/');
  (out += s.service) += "/aws4_request";
}

void append_parameter(std::string& query, std::string_view name, std::string_view value) {
  if (!query.ends_with('?')) query += '&';
  (query += name) += '=';
  append_percent_encoded(query, value);
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  return hex(sha256(data));
}

void append_hex(std::string& out, std::span<const std::byte> bytes) {
  std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  for (const std::byte b : bytes) {
    out[at++] = "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
    out[at++] = "0123456789abcdef"[std::to_integer<unsigned>(b) & 15];
  }
}

void append_amz_date(std::string& out, std::chrono::sys_seconds at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  fmt::format_to(std::back_inserter(out), "{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                 time.minutes().count(), time.seconds().count());
}

std::string amz_date(std::chrono::sys_seconds at) {
  std::string out;
  append_amz_date(out, at);
  return out;
}

void append_string_to_sign(std::string& out, std::string_view date, const scope& s,
                           std::string_view canonical_text) {
  (((out += algorithm) += '\n') += date) += '\n';
  append_scope(out, date, s);
  out += '\n';
  append_hex(out, sha256(canonical_text));
}

std::string string_to_sign(std::string_view date, const scope& s, std::string_view canonical_text) {
  std::string out;
  append_string_to_sign(out, date, s, canonical_text);
  return out;
}

key signing_key(std::string_view secret_access_key, std::string_view yyyymmdd, const scope& s) {
  const secret first(std::string("AWS4").append(secret_access_key));
  hmac_sha256 hmac;
  hmac.set_key(bytes_of(first.reveal()));
  key k = hmac(yyyymmdd);
  for (const std::string_view part : {s.region, s.service, std::string_view("aws4_request")}) {
    hmac.set_key(k);
    k = hmac(part);
  }
  return k;
}

std::string signature(const key& k, std::string_view string_to_sign) {
  static thread_local hmac_sha256 hmac;
  hmac.set_key(k);
  return hex(hmac(string_to_sign));
}

void append_authorization(std::string& out, std::string_view access_key_id, std::string_view date,
                          const scope& s, std::string_view signed_headers, std::string_view signature) {
  (((out += algorithm) += " Credential=") += access_key_id) += '/';
  append_scope(out, date, s);
  (out += ", SignedHeaders=") += signed_headers;
  (out += ", Signature=") += signature;
}

std::string authorization(std::string_view access_key_id, std::string_view date, const scope& s,
                          std::string_view signed_headers, std::string_view signature) {
  std::string out;
  append_authorization(out, access_key_id, date, s, signed_headers, signature);
  return out;
}

std::string presign(const request& r, const credentials& c, const scope& s, std::chrono::sys_seconds at,
                    std::chrono::seconds expires, canonical_options o, bool sign_session_token) {
  const std::string date = amz_date(at);
  const std::string payload_hash = sha256_hex(r.body);
  std::string credential = c.access_key_id + '/';
  append_scope(credential, date, s);

  std::string target(r.target);
  if (target.find('?') == target.npos) target += '?';
  append_parameter(target, "X-Amz-Algorithm", algorithm);
  append_parameter(target, "X-Amz-Credential", credential);
  append_parameter(target, "X-Amz-Date", date);
  append_parameter(target, "X-Amz-Expires", std::to_string(expires.count()));
  append_parameter(target, "X-Amz-SignedHeaders", canonical_request(r, payload_hash, o).signed_headers);
  const auto add_token = [&] {
    if (!c.session_token.empty()) {
      append_parameter(target, "X-Amz-Security-Token", c.session_token.reveal());
    }
  };
  if (sign_session_token) add_token();

  const request with_parameters{r.method, target, r.headers, r.body};
  const std::string text = canonical_request(with_parameters, payload_hash, o).text;
  const key k = signing_key(c.secret_access_key.reveal(), std::string_view(date).substr(0, 8), s);
  const std::string signed_by = signature(k, string_to_sign(date, s, text));
  if (!sign_session_token) add_token();
  append_parameter(target, "X-Amz-Signature", signed_by);
  return target;
}

}  // namespace sluice::aws::sigv4
