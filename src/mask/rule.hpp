#pragma once

#include <cstddef>
#include <string>

#include "mask/scheme.hpp"

namespace sluice::mask {

/// How one column is masked.
struct rule {
  scheme how = scheme::aes_siv;
  std::string domain{};          ///< keyed schemes: columns that must join share one
  std::string constant = "***";  ///< redact
  std::size_t keep_last = 4;     ///< partial: that many characters stay

  bool operator==(const rule&) const = default;
};

}  // namespace sluice::mask
