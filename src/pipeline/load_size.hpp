#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "copy/segment.hpp"

namespace sluice::pipeline {

/// How many messages the next transaction of one connection takes.
///
/// All that there are, until one takes too long: then half as many, and so on down to one. After an outage it
/// begins with one, and doubles. A size that was too much is kept away from for a while; where one message
/// alone was too slow, size was not the cause, and sizes grow again at once.
///
/// Pure.
class load_size {
 public:
  enum class advice {
    smaller,    ///< try again with `messages_max`
    hold_back,  ///< it was one message: go on with the others
    give_up,    ///< several messages in a row, each alone: it is the table that is slow or locked
  };
  /// Messages in a row that alone take too long before that is the table's trouble.
  static constexpr int alone_max = 3;

  std::size_t messages_max() const noexcept { return size_; }

  void passed(std::size_t messages) noexcept {
    alone_ = 0;
    if (messages < size_) return;  // there were no more: it shows nothing
    if (size_ < too_many_ / 2 || ++passes_ >= passes_before_growth) {
      if (passes_ >= passes_before_growth) too_many_ = unlimited;
      passes_ = 0;
      size_ = size_ > unlimited / 2 ? unlimited : size_ * 2;
    }
  }
  advice too_slow(std::size_t messages) noexcept {
    passes_ = 0;
    if (messages > 1) {
      too_many_ = messages;
      size_ = messages / 2;
      return advice::smaller;
    }
    too_many_ = unlimited;
    size_ = 1;
    return ++alone_ > alone_max ? advice::give_up : advice::hold_back;
  }
  /// The same of the next `count` open messages of a batch: what is held back is marked in it. False where it
  /// is a failure: in a row too many messages were too slow, or of this batch nothing else was loaded, so it
  /// may be the database. Then all are open again.
  bool split(copy::segment& s, std::size_t count, bool in_order) noexcept {
    const advice a = too_slow(count);
    if (a == advice::smaller) return true;
    if (a == advice::hold_back && !in_order) {
      s.hold_back();
      if (s.open() > 0 || s.held_back() < s.first_open()) return true;
    }
    s.open_again();
    return false;
  }
  /// The database was away.
  void begin_small() noexcept { *this = load_size(1); }

  load_size() = default;

 private:
  explicit load_size(std::size_t first) : size_(first) {}

  static constexpr std::size_t unlimited = SIZE_MAX;
  static constexpr int passes_before_growth = 16;

  std::size_t size_ = unlimited;
  std::size_t too_many_ = unlimited;  ///< the last size that was too slow
  int passes_ = 0;                    ///< at a size that cannot grow
  int alone_ = 0;
};

}  // namespace sluice::pipeline
