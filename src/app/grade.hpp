#pragma once

#include <string>
#include <vector>

#include "mask/key_ring.hpp"
#include "record/plan.hpp"

namespace sluice::app {

/// What is to be said about the privacy of one column.
struct grade {
  std::string what;
  std::string fix;  ///< empty: it is well as it is
  bool operator==(const grade&) const = default;
};

/// Grades the columns of a plan that are masked, that are personal by tag or by name, or that can hold
/// anything: who can reverse them, with which they join, and which are weak. By names, so it is advice and no
/// proof. `keys` may be null if the plan needs none.
std::vector<grade> grade_privacy(const record::plan& p, const mask::key_ring* keys);

/// The masked columns of which something can be read all the same: a column's name, and what to do.
std::vector<grade> weak_masks(const record::plan& p);

}  // namespace sluice::app
