#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace sluice::observe {

/// Counts by name, for what is rare. Names are codes and columns of the plan, so they are few; what comes
/// after the first `names_max` is counted as "other". Thread-safe.
class tally {
 public:
  static constexpr std::size_t names_max = 64;

  void add(std::string_view name, std::uint64_t n = 1) {
    const std::lock_guard lock(mutex_);
    auto found = counts_.find(name);
    if (found == counts_.end()) {
      found = counts_.try_emplace(std::string(counts_.size() < names_max ? name : "other")).first;
    }
    found->second += n;
  }
  std::map<std::string, std::uint64_t, std::less<>> read() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;  ///< guards counts_: loops set messages aside rarely, and then from any thread
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace sluice::observe
