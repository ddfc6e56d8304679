#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "record/plan.hpp"

namespace sluice::record {

/// Tuples of binary COPY (a reader's) as people read them: each field in the text that psql shows for it,
/// timestamps in UTC; nothing for NULL. Only for what a reader wrote by this plan.
std::vector<std::vector<std::optional<std::string>>> show(const plan& p, std::span<const std::byte> tuples);

}  // namespace sluice::record
