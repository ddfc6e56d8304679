#pragma once

#include <string>

#include "observe/process.hpp"
#include "observe/state.hpp"

namespace sluice::observe {

/// All figures in Prometheus' text format, version 0.0.4. Their names are in docs/metrics.md.
std::string exposition(const state& s, bool ready, const process_figures& process);

}  // namespace sluice::observe
