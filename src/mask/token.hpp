#pragma once

#include <optional>
#include <string_view>

namespace sluice::mask {

inline constexpr std::size_t key_id_size_max = 16;

/// [A-Za-z0-9_-]{1,16}: what may stand before the point of a token, and as a bare key in TOML.
bool valid_key_id(std::string_view id) noexcept;

/// `<key id>.<payload>`, as masked values and sealed bodies have it.
struct token {
  std::string_view key_id;
  std::string_view payload;
};
std::optional<token> split_token(std::string_view text) noexcept;

}  // namespace sluice::mask
