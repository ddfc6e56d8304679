#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/plan.hpp"

namespace sluice::record {

/// Whether a field of this name often holds what tells one person or device from others: an address, a name,
/// a number of an account. By name only, so it is a reason to look, and no proof: "ip", "clientIp",
/// "first_name", "DeviceID".
bool looks_personal(std::string_view field);

/// Whether a column stores what a sender gave as it came, and looks personal by its own name or its field's.
bool looks_exposed(const column& c);

/// The fields that columns mask, as a plan names them: "/ip", "@body/ip", "@attribute/ip". base64 masks
/// nothing.
std::vector<std::string> masked_fields(const plan& p);
/// Those of `fields` that the plan would store as they came, alone or as a part of what a column holds.
std::vector<std::string> exposed_fields(const plan& p, const std::vector<std::string>& fields);

}  // namespace sluice::record
