#pragma once

#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "mask/rule.hpp"

namespace sluice::mask {

/// Reverses an aes_siv or base64 token. `missing_key` for a key id that the ring lacks, `bad_message` for
/// what is not a token or does not authenticate with this rule's domain, `bad_configuration` for a scheme
/// that cannot be reversed. No failure quotes the token.
result<std::string> unmask(std::string_view text, const rule& r, const key_ring& keys);

}  // namespace sluice::mask
