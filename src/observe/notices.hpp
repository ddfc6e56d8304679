#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "observe/level.hpp"

namespace sluice::observe {

/// A warning or an error, for the person who looks at the status page. In our words; never what a message or
/// a server said.
struct notice {
  level at = level::warning;
  std::string event{};
  std::string why{};
  std::string fix{};
  std::uint64_t count = 0;
  std::chrono::system_clock::time_point last{};
};

/// The last warnings and errors, `most` of them; one that comes again is counted, not kept twice.
/// Thread-safe.
class notices {
 public:
  static constexpr std::size_t most = 20;
  static constexpr std::size_t text_bytes_max = 400;  ///< of `why` and of `fix`; what is longer is cut

  void add(level at, std::string_view event, std::string_view why, std::string_view fix,
           std::chrono::system_clock::time_point now);
  std::vector<notice> read() const;  ///< the newest first

 private:
  mutable std::mutex mutex_;  ///< guards kept_: loops warn rarely, and then from any thread
  std::vector<notice> kept_;  ///< the newest last
};

}  // namespace sluice::observe
