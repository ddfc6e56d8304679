#pragma once

#include <chrono>
#include <string>

#include "observe/history.hpp"
#include "observe/process.hpp"
#include "observe/state.hpp"

namespace sluice::observe {

/// What SQS asks for a million requests to a standard queue after the free million of a month, in most
/// regions; each 64 KiB of payload counts as a request (aws.amazon.com/sqs/pricing).
constexpr double dollars_per_million_requests = 0.40;

/// What /status.json says: all that the status page shows.
std::string status_json(const state& s, const history& h, const process_figures& process,
                        history::steady_time now, std::chrono::system_clock::time_point wall);

}  // namespace sluice::observe
