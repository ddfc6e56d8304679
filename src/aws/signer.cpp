#include "aws/signer.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::aws {

signer::signer(std::string region, std::string service)
    : region_(std::move(region)), service_(std::move(service)) {}

void signer::use_key_of(const credentials& c) {
  const auto day = std::string_view(date_).substr(0, 8);
  if (key_date_ == day && key_secret_ == c.secret_access_key) return;
  sigv4::key key = sigv4::signing_key(c.secret_access_key.reveal(), day, scope());
  hmac_.set_key(key);
  OPENSSL_cleanse(key.data(), key.size());
  key_date_ = day;
  key_secret_ = c.secret_access_key;
  last_ = {};
}

// Merges the three that the signer adds into the caller's, which are sorted too.
void signer::append_headers(std::string_view host, std::span<const sigv4::header> headers) {
  const std::array<sigv4::header, 3> own = {
      {{"host", host}, {"x-amz-date", date_}, {"x-amz-security-token", token_.reveal()}}};
  const std::span mine(own.data(), token_.empty() ? 2 : 3);

  names_.clear();
  const auto add = [this](const sigv4::header& h) {
    ((((canonical_ += '\n') += h.name) += ':') += h.value);
    if (!names_.empty()) names_ += ';';
    names_ += h.name;
  };
  auto next = mine.begin();
  for (const sigv4::header& h : headers) {
    for (; next != mine.end() && next->name < h.name; ++next) add(*next);
    add(h);
  }
  std::for_each(next, mine.end(), add);
}

signer::signed_headers signer::sign(const credentials& c, std::string_view method, std::string_view host,
                                    std::string_view target, std::span<const sigv4::header> headers,
                                    std::string_view body, std::chrono::sys_seconds at) {
  if (at != at_ || date_.empty()) {
    at_ = at;
    date_.clear();
    sigv4::append_amz_date(date_, at);
  }
  use_key_of(c);
  if (token_ != c.session_token) token_ = c.session_token;

  canonical_.clear();
  (canonical_ += method) += '\n';
  sigv4::append_canonical_target(canonical_, target);
  append_headers(host, headers);
  (((canonical_ += "\n\n") += names_) += '\n');
  const bool kept = body.size() <= short_body_bytes;
  if (kept && canonical_ == last_.canonical && body == last_.body && c.access_key_id == last_.access_key_id) {
    return {date_, last_.authorization, token_.reveal()};
  }
  if (kept) {
    last_.access_key_id = c.access_key_id;
    last_.canonical = canonical_;
    last_.body = body;
  }
  sigv4::append_hex(canonical_, sha256(body));

  to_sign_.clear();
  sigv4::append_string_to_sign(to_sign_, date_, scope(), canonical_);
  signature_.clear();
  sigv4::append_hex(signature_, hmac_(to_sign_));
  authorization_.clear();
  sigv4::append_authorization(authorization_, c.access_key_id, date_, scope(), names_, signature_);
  if (kept) last_.authorization = authorization_;
  return {date_, authorization_, token_.reveal()};
}

}  // namespace sluice::aws
