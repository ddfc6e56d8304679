#pragma once

#include <string>
#include <string_view>

#include "core/failure.hpp"
#include "mask/key_ring.hpp"
#include "mask/rule.hpp"

namespace sluice::mask {

struct unmasked {
  std::string value;
  std::string key_id;  ///< that opened it; empty where there is none
};

/// Reverses what a masker made. `missing_key` for a key id that the ring lacks, `bad_message` for what is not
/// a token or does not authenticate with this rule's domain, `bad_configuration` for a scheme that cannot be
/// reversed. No failure quotes the token.
///
/// An address says neither under which key it was made nor whether it was: the ipcrypt schemes take that of
/// the rule, and with a wrong one they give a wrong address.
result<unmasked> unmask(std::string_view text, const rule& r, const key_ring& keys);

}  // namespace sluice::mask
