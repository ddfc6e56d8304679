#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "mask/aes_siv.hpp"
#include "mask/key_ring.hpp"

namespace sluice::mask {

/// Seals the bodies of messages that are set aside: `<key id>.` and the raw bytes of AES-256-SIV, with the
/// message's id as associated data, so that a body cannot be passed off as another message's. Not
/// thread-safe. An OpenSSL error throws.
class sealer {
 public:
  /// `missing_key` when `keys` is null.
  static result<sealer> make(const std::shared_ptr<const key_ring>& keys);

  std::string seal(std::string_view body, std::string_view message_id);

 private:
  sealer(std::string_view key_id, const secret& key);
  std::string prefix_;
  aes_siv cipher_;
};

/// `missing_key` for a key id that the ring lacks, `bad_message` for what was not sealed with this key and
/// message id.
result<std::string> unseal(std::string_view sealed, std::string_view message_id, const key_ring& keys);

}  // namespace sluice::mask
