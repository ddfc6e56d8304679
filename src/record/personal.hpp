#pragma once

#include <string_view>

#include "record/plan.hpp"

namespace sluice::record {

/// Whether a field of this name often holds what tells one person or device from others: an address, a name,
/// a number of an account. By name only, so it is a reason to look, and no proof: "ip", "clientIp",
/// "first_name", "DeviceID".
bool looks_personal(std::string_view field);

/// Whether a column stores what a sender gave as it came, and looks personal by its own name or its field's.
bool looks_exposed(const column& c);

}  // namespace sluice::record
