#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tests {

/// One run of the whole pipeline in simulated time, all of it chosen by `seed`: messages, options, processes,
/// and what fails, is slow, never answers, answers after it was given up, is refused, is locked, finds no
/// descriptor, is delivered twice, or crashes. After a while the world is well again, and the queue must
/// become empty.
struct verdict_of_run {
  std::optional<std::string> wrong;  ///< in words; nothing if all is right
  std::string choices;               ///< one line
  std::uint64_t messages = 0;
  std::uint64_t crashes = 0;
  std::uint64_t faults = 0;
};
/// `changed_table`: the kind that is chosen by name only.
verdict_of_run simulate(std::uint64_t seed, bool changed_table);

}  // namespace tests
