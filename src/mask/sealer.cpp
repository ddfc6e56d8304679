#include "mask/sealer.hpp"

#include <array>

#include "mask/token.hpp"

namespace sluice::mask {
namespace {

/// Not a scheme's name, so no column's domain gives the same key.
result<secret> seal_key(const key_ring& keys, std::string_view id) {
  return keys.derive(id, "seal", "quarantine", aes_siv::key_bytes);
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

std::string sealer::seal(std::string_view body, std::string_view message_id) {
  std::string sealed = prefix_;
  sealed.resize(prefix_.size() + aes_siv::overhead + body.size());
  cipher_.seal(body, std::array{message_id}, sealed.data() + prefix_.size());
  return sealed;
}

result<std::string> unseal(std::string_view sealed, std::string_view message_id, const key_ring& keys) {
  const auto parts = split_token(sealed);
  if (!parts || parts->payload.size() < aes_siv::overhead) {
    return failure{errc::bad_message, "this is not a sealed body"};
  }
  const auto key = seal_key(keys, parts->key_id);
  if (!key) return key.error();
  std::string body(parts->payload.size() - aes_siv::overhead, '\0');
  if (!aes_siv(key->reveal()).open(parts->payload, std::array{message_id}, body.data())) {
    return failure{errc::bad_message, "the sealed body is another message's, or it was changed"};
  }
  return body;
}

}  // namespace sluice::mask
