#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "mask/aes_siv.hpp"
#include "mask/key_ring.hpp"

namespace sluice::mask {

/// What a sealed body belongs to. It is authenticated with the body, and stored beside it, by others.
struct sealed_entry {
  std::string_view message_id, target, reason;
};

/// A body, and the fields that the plan masked which set it aside, one on each line. Nothing is known of
/// them where sluice 0.1 has sealed it.
struct unsealed {
  std::string body;
  std::optional<std::string> masked;
};

/// Seals the bodies of messages that are set aside: `<key id>.` and the raw bytes of AES-256-SIV over the
/// masked fields, a zero byte and the body. Message id, target and reason are associated data: a body cannot
/// be passed off as another message's, or as one that another table or another reason had. Not thread-safe.
/// An OpenSSL error throws.
class sealer {
 public:
  /// `missing_key` when `keys` is null.
  static result<sealer> make(const std::shared_ptr<const key_ring>& keys);

  /// `masked` has no zero byte.
  std::string seal(std::string_view body, const sealed_entry& of, std::string_view masked);

 private:
  sealer(std::string_view key_id, const secret& key);
  std::string prefix_;
  aes_siv cipher_;
};

/// `missing_key` for a key id that the ring lacks, `bad_message` for what was not sealed with this key and
/// for this entry.
result<unsealed> unseal(std::string_view sealed, const sealed_entry& of, const key_ring& keys);

}  // namespace sluice::mask
