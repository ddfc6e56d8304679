#include "mask/sealer.hpp"

#include <array>
#include <utility>

#include "mask/token.hpp"

namespace sluice::mask {
namespace {

/// Not a scheme's name, so no column's domain gives the same key.
result<secret> seal_key(const key_ring& keys, std::string_view id) {
  return keys.derive(id, "seal", "quarantine", aes_siv::key_bytes);
}

/// sluice 0.1 has bound bodies to message ids alone.
std::array<std::string_view, 4> bound_to(const sealed_entry& of) {
  return {"2", of.message_id, of.target, of.reason};
}

}  // namespace

sealer::sealer(std::string_view key_id, const secret& key)
    : prefix_(std::string(key_id) + '.'), cipher_(key.reveal()) {}

result<sealer> sealer::make(const std::shared_ptr<const key_ring>& keys) {
  if (!keys) {
    return failure{errc::missing_key, "bodies of messages set aside are sealed, and there is no key ring",
                   "make one with `sluice keygen` and set SLUICE_KEYS"};
  }
  const auto key = seal_key(*keys, keys->primary());
  if (!key) return key.error();
  return sealer(keys->primary(), *key);
}

std::string sealer::seal(std::string_view body, const sealed_entry& of, std::string_view masked) {
  std::string plain;
  plain.reserve(masked.size() + 1 + body.size());
  plain.append(masked).append(1, '\0').append(body);
  std::string sealed = prefix_;
  sealed.resize(prefix_.size() + aes_siv::overhead + plain.size());
  cipher_.seal(plain, bound_to(of), sealed.data() + prefix_.size());
  return sealed;
}

result<unsealed> unseal(std::string_view sealed, const sealed_entry& of, const key_ring& keys) {
  const auto parts = split_token(sealed);
  if (!parts || parts->payload.size() < aes_siv::overhead) {
    return failure{errc::bad_message, "this is not a sealed body"};
  }
  const auto key = seal_key(keys, parts->key_id);
  if (!key) return key.error();
  aes_siv cipher(key->reveal());
  std::string plain(parts->payload.size() - aes_siv::overhead, '\0');
  if (cipher.open(parts->payload, bound_to(of), plain.data())) {
    const auto end = plain.find('\0');
    if (end != plain.npos) return unsealed{.body = plain.substr(end + 1), .masked = plain.substr(0, end)};
  } else if (cipher.open(parts->payload, std::array{of.message_id}, plain.data())) {
    return unsealed{.body = std::move(plain), .masked = std::nullopt};
  }
  return failure{errc::bad_message,
                 "the sealed body is another message's, or it, its table or its reason was changed"};
}

}  // namespace sluice::mask
