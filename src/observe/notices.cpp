#include "observe/notices.hpp"

#include <algorithm>

namespace sluice::observe {

void notices::add(level at, std::string_view event, std::string_view why, std::string_view fix,
                  std::chrono::system_clock::time_point now) {
  why = why.substr(0, text_bytes_max);
  fix = fix.substr(0, text_bytes_max);
  const std::lock_guard lock(mutex_);
  const auto same =
      std::ranges::find_if(kept_, [&](const notice& n) { return n.event == event && n.why == why; });
  if (same != kept_.end()) {
    std::rotate(same, same + 1, kept_.end());
  } else {
    if (kept_.size() == most) kept_.erase(kept_.begin());
    kept_.push_back({.event = std::string(event), .why = std::string(why)});
  }
  notice& newest = kept_.back();
  newest.at = at;
  newest.fix = fix;
  newest.last = now;
  ++newest.count;
}

std::vector<notice> notices::read() const {
  const std::lock_guard lock(mutex_);
  return {kept_.rbegin(), kept_.rend()};
}

}  // namespace sluice::observe
