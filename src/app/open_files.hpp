#pragma once

#include <cstddef>

#include "pipeline/options.hpp"

namespace sluice::app {

/// Raises the limit of open files to its hard limit, as hundreds of connections to a queue that is far away
/// need more than the 1,024 that a shell allows. Gives the limit that holds then. Before there are threads.
std::size_t raise_open_files() noexcept;

/// Makes the calls to the queue that a loop may have in flight so few that all loops fit under a limit of
/// open files, with room for their databases, the status page and files. At least one receive and one delete
/// are left. Says whether that changed something. Pure.
bool fit_open_files(pipeline::options& each, unsigned loops, std::size_t files_max) noexcept;

}  // namespace sluice::app
