#include "mask/unmask.hpp"

#include <fmt/format.h>

#include "core/encoding.hpp"
#include "mask/aes_siv.hpp"
#include "mask/token.hpp"

namespace sluice::mask {
namespace {

result<std::string> open_aes_siv(std::string_view text, const rule& r, const key_ring& keys) {
  const auto parts = split_token(text);
  const auto sealed = parts ? unbase64url(parts->payload) : std::nullopt;
  if (!sealed || sealed->size() < aes_siv::overhead) {
    return failure{errc::bad_message, "this is not an aes_siv token", "a token is <key id>.<base64url>"};
  }
  const auto key = keys.derive(parts->key_id, to_string(r.how), r.domain, aes_siv::key_bytes);
  if (!key) return key.error();
  std::string value(sealed->size() - aes_siv::overhead, '\0');
  if (!aes_siv(key->reveal()).open(*sealed, {}, value.data())) {
    return failure{errc::bad_message,
                   fmt::format("the token was not made with key '{}' for domain '{}', or it was changed",
                               parts->key_id, r.domain),
                   "give the domain of the column that it comes from"};
  }
  return value;
}

}  // namespace

result<std::string> unmask(std::string_view text, const rule& r, const key_ring& keys) {
  switch (r.how) {
    case scheme::aes_siv: return open_aes_siv(text, r, keys);
    case scheme::base64: {
      auto value = unbase64(text);
      if (!value) return failure{errc::bad_message, "this is not base64"};
      return *std::move(value);
    }
    case scheme::hmac_sha256:
    case scheme::redact:
    case scheme::partial: break;
  }
  return failure{errc::bad_configuration, fmt::format("{} cannot be reversed", to_string(r.how))};
}

}  // namespace sluice::mask
