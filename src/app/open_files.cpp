#include "app/open_files.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace sluice::app {
namespace {

// Standard streams, the control loop, the status page and its 16 connections, the upkeep of the ledger,
// credentials, look-ups of names, files that are read.
constexpr std::size_t files_of_process = 36;
constexpr std::size_t files_of_loop = 4;    // epoll, its event and timer; one to spare
constexpr std::size_t files_of_loader = 2;  // PostgreSQL, the dead-letter queue

}  // namespace

std::size_t raise_open_files() noexcept {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 1'024;
  const rlim_t before = std::exchange(files.rlim_cur, files.rlim_max);
  return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : before;
}

bool fit_open_files(pipeline::options& each, unsigned loops, std::size_t files_max) noexcept {
  const std::size_t others = files_of_process + loops * (files_of_loop + each.loaders * files_of_loader);
  const std::size_t rest = (files_max - std::min(files_max, others)) / loops;
  const auto before = std::pair(each.pollers_max, each.ackers);
  const std::size_t half = std::max<std::size_t>(rest / 2, 1);
  each.pollers_max = std::min(each.pollers_max, std::max(half, rest - std::min(rest, each.ackers)));
  each.ackers = std::min(each.ackers, std::max<std::size_t>(rest - std::min(rest, each.pollers_max), 1));
  each.pollers_min = std::min(each.pollers_min, each.pollers_max);
  return before != std::pair(each.pollers_max, each.ackers);
}

}  // namespace sluice::app
