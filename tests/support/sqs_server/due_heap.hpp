#pragma once

#include <vector>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

/// Messages by the time at which they become visible. A binary heap in which each message knows its place, so
/// that a delete takes its entry out at once: the heap is never longer than what is delayed or in flight.
class due_heap {
 public:
  bool empty() const noexcept { return entries_.empty(); }
  instant first_due() const noexcept { return entries_.front().due; }
  message& first() const noexcept { return *entries_.front().who; }
  instant due_of(const message& m) const noexcept { return entries_[m.due_position - 1].due; }

  void push(message& m, instant due) {
    entries_.push_back({due, &m});
    rise(entries_.size() - 1);
  }

  void erase(message& m) noexcept {
    const std::size_t hole = m.due_position - 1;
    m.due_position = 0;
    const entry last = entries_.back();
    entries_.pop_back();
    if (hole == entries_.size()) return;
    put(hole, last);
    rise(hole);
    sink(last.who->due_position - 1);
  }

 private:
  struct entry {
    instant due;
    message* who;
  };

  void put(std::size_t at, entry e) noexcept {
    entries_[at] = e;
    e.who->due_position = static_cast<std::uint32_t>(at + 1);
  }

  void rise(std::size_t at) noexcept {
    const entry e = entries_[at];
    for (; at > 0 && e.due < entries_[(at - 1) / 2].due; at = (at - 1) / 2) put(at, entries_[(at - 1) / 2]);
    put(at, e);
  }

  void sink(std::size_t at) noexcept {
    const entry e = entries_[at];
    for (std::size_t child = 2 * at + 1; child < entries_.size(); child = 2 * at + 1) {
      if (child + 1 < entries_.size() && entries_[child + 1].due < entries_[child].due) ++child;
      if (e.due <= entries_[child].due) break;
      put(at, entries_[child]);
      at = child;
    }
    put(at, e);
  }

  std::vector<entry> entries_;
};

}  // namespace sluice::sqs_server
