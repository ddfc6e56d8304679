#pragma once

#include <algorithm>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

namespace sluice {

/// What fails whose bytes do not come in time.
inline boost::system::error_code no_memory() noexcept {
  return make_error_code(boost::system::errc::not_enough_memory);
}

/// How many bytes may be in memory together. What finds no room waits, and gets its bytes in the order in
/// which it came: a large claim is not passed by small ones for ever.
///
/// Pure: no clock, and nothing here waits. One thread. Outlives its claims.
class byte_budget {
 public:
  explicit byte_budget(std::size_t bytes) noexcept : all_(bytes) {}
  byte_budget(const byte_budget&) = delete;
  byte_budget& operator=(const byte_budget&) = delete;

  /// Bytes that are taken, or waited for, while it lives. It may be one that is larger than the whole budget:
  /// then it gets all of it, alone.
  class claim {
   public:
    claim(byte_budget& of, std::size_t bytes) : of_(of), bytes_(std::min(bytes, of.all_)) {
      if (of_.waiting_.empty() && of_.fits(bytes_)) {
        take();
      } else {
        of_.waiting_.push_back(this);
      }
    }
    claim(const claim&) = delete;
    claim& operator=(const claim&) = delete;
    ~claim() {
      if (granted_) {
        keep(0);
      } else {
        std::erase(of_.waiting_, this);
        of_.grant();  // it may have been in the way of smaller ones
      }
    }

    bool granted() const noexcept { return granted_; }
    /// What to call when it is. It may come out of any other claim's `keep` or end.
    void when_granted(std::function<void()> act) { act_ = std::move(act); }
    /// Gives back what is over that.
    void keep(std::size_t bytes) {
      if (!granted_ || bytes >= bytes_) return;
      of_.used_ -= bytes_ - bytes;
      bytes_ = bytes;
      of_.grant();
    }

   private:
    friend byte_budget;
    void take() noexcept {
      granted_ = true;
      of_.used_ += bytes_;
    }

    byte_budget& of_;
    std::size_t bytes_;
    bool granted_ = false;
    std::function<void()> act_;
  };

  /// For claims to come.
  void resize(std::size_t bytes) noexcept { all_ = bytes; }
  std::size_t used() const noexcept { return used_; }
  bool has_waiting() const noexcept { return !waiting_.empty(); }

 private:
  bool fits(std::size_t bytes) const noexcept { return used_ + bytes <= all_; }
  void grant() {
    while (!waiting_.empty() && fits(waiting_.front()->bytes_)) {
      claim* const next = waiting_.front();
      waiting_.pop_front();
      next->take();
      if (next->act_) next->act_();
    }
  }

  std::size_t all_;
  std::size_t used_ = 0;
  std::deque<claim*> waiting_;  ///< the oldest first
};

}  // namespace sluice
