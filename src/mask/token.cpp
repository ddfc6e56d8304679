#include "mask/token.hpp"

#include <algorithm>

namespace sluice::mask {

bool valid_key_id(std::string_view id) noexcept {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !id.empty() && id.size() <= key_id_size_max && id.find_first_not_of(allowed) == id.npos;
}

std::optional<token> split_token(std::string_view text) noexcept {
  const auto point = text.find('.');
  if (point == text.npos || !valid_key_id(text.substr(0, point))) return std::nullopt;
  return token{text.substr(0, point), text.substr(point + 1)};
}

}  // namespace sluice::mask
