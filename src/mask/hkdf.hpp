#pragma once

#include <cstddef>
#include <string_view>

#include "core/secret.hpp"

namespace sluice::mask {

/// HKDF-SHA256 (RFC 5869), extract and expand. At most 255 * 32 bytes. An OpenSSL error throws.
secret hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info, std::size_t bytes);

}  // namespace sluice::mask
