#include "observe/process.hpp"

#include <sys/resource.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace sluice::observe {
namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

// "VmRSS:     1234 kB" of /proc/self/status.
std::uint64_t figure_of(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  if (at == status.npos) return 0;
  status.remove_prefix(std::min(status.find_first_of("0123456789", at), status.size()));
  std::uint64_t n = 0;
  std::from_chars(status.data(), status.data() + status.size(), n);
  return n;
}

}  // namespace

process_figures read_process() {
  process_figures p;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) p.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) p.open_files_max = files.rlim_cur;

  std::ifstream in("/proc/self/status");
  const std::string status{std::istreambuf_iterator(in), {}};
  p.resident_bytes = figure_of(status, "VmRSS:") * 1024;
  p.resident_bytes_max = figure_of(status, "VmHWM:") * 1024;
  p.locked_bytes = figure_of(status, "VmLck:") * 1024;
  p.threads = figure_of(status, "Threads:");

  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) p.open_files = static_cast<std::uint64_t>(std::distance(begin(open), end(open)));
  return p;
}

}  // namespace sluice::observe
