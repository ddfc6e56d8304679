#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace sluice::pg {

/// Finds the messages that a table refuses: says which run of messages to try next, until each of them is in
/// or refused. Pure: the caller tries, under a savepoint, so that runs accepted stay.
///
/// k refused of n cost O(k log n) tries: with the culprit named, the messages before it are one try and those
/// behind it the next; without, the run is halved. A run behind a culprit is kept about as long as the
/// distance between the last two, so that where many are bad little is sent in vain: in all, each message
/// about twice.
class isolation {
 public:
  struct run {
    std::size_t first = 0, last = 0;  ///< half open
    std::size_t size() const noexcept { return last - first; }
    bool operator==(const run&) const = default;
  };

  explicit isolation(std::size_t messages);

  bool done() const noexcept { return pending_.empty(); }
  /// Not when `done`. The same until its outcome is told.
  run next();
  void accepted();
  /// `culprit` is the message that the server named. Returns the message to set aside, once it is known.
  std::optional<std::size_t> refused(std::optional<std::size_t> culprit);

 private:
  void push(run r);
  std::vector<run> pending_;  ///< the next last
  std::size_t window_;
};

}  // namespace sluice::pg
