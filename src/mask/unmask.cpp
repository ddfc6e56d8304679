#include "mask/unmask.hpp"

#include <fmt/format.h>

#include "core/encoding.hpp"
#include "mask/aes_siv.hpp"
#include "mask/ipcrypt.hpp"
#include "mask/token.hpp"

namespace sluice::mask {
namespace {

result<unmasked> open_aes_siv(std::string_view text, const rule& r, const key_ring& keys) {
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
  return unmasked{std::move(value), std::string(parts->key_id)};
}

template <class Cipher>
result<unmasked> open_ip(std::string_view text, const rule& r, const key_ring& keys) {
  const auto ip = parse_ip(text);
  if (!ip) return failure{errc::bad_message, "this is not an address"};
  const std::string& key_id = key_of(r, keys);
  const auto key = keys.derive(key_id, to_string(r.how), r.domain, Cipher::key_bytes);
  if (!key) return key.error();
  std::string value(ip_text_size_max, '\0');
  value.resize(
      static_cast<std::size_t>(ip_to(Cipher(key->reveal()).decrypt(*ip), value.data()) - value.data()));
  return unmasked{std::move(value), key_id};
}

}  // namespace

result<unmasked> unmask(std::string_view text, const rule& r, const key_ring& keys) {
  switch (r.how) {
    case scheme::aes_siv: return open_aes_siv(text, r, keys);
    case scheme::base64: {
      auto value = unbase64(text);
      if (!value) return failure{errc::bad_message, "this is not base64"};
      return unmasked{*std::move(value), {}};
    }
    case scheme::ipcrypt_deterministic: return open_ip<ipcrypt_deterministic>(text, r, keys);
    case scheme::ipcrypt_pfx: return open_ip<ipcrypt_pfx>(text, r, keys);
    case scheme::hmac_sha256:
    case scheme::redact:
    case scheme::partial: break;
  }
  return failure{errc::bad_configuration, fmt::format("{} cannot be reversed", to_string(r.how))};
}

}  // namespace sluice::mask
