#pragma once

#include <cstdint>

namespace sluice::observe {

/// This process, as the kernel sees it (proc(5)). What cannot be read is 0.
struct process_figures {
  double cpu_seconds = 0;  ///< user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_bytes_max = 0;  ///< since the start
  std::uint64_t locked_bytes = 0;        ///< that are never swapped out
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t threads = 0;
};

process_figures read_process();

}  // namespace sluice::observe
