#include "pg/isolation.hpp"

#include <algorithm>
#include <boost/assert.hpp>

namespace sluice::pg {
namespace {

constexpr std::size_t window_min = 16;

}  // namespace

isolation::isolation(std::size_t messages) : window_(messages) {
  push({0, messages});
}

void isolation::push(run r) {
  if (r.size() > 0) pending_.push_back(r);
}

isolation::run isolation::next() {
  const run whole = pending_.back();
  if (whole.size() > window_) {
    pending_.back().first += window_;
    push({whole.first, whole.first + window_});
  }
  return pending_.back();
}

void isolation::accepted() {
  pending_.pop_back();
  window_ *= 2;
}

std::optional<std::size_t> isolation::refused(std::optional<std::size_t> culprit) {
  const run r = pending_.back();
  pending_.pop_back();
  if (culprit) {
    BOOST_ASSERT(*culprit >= r.first && *culprit < r.last);
    const run before{r.first, *culprit};
    push({*culprit + 1, r.last});
    push(before);
    window_ = std::max(window_min, 2 * before.size());
    return culprit;
  }
  if (r.size() == 1) return r.first;
  const std::size_t middle = r.first + r.size() / 2;
  push({middle, r.last});
  push({r.first, middle});
  return std::nullopt;
}

}  // namespace sluice::pg
