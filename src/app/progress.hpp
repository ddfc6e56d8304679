#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "observe/counters.hpp"

namespace sluice::app {

/// What a drain, or a send, shows while it works: a bar that is drawn over on a terminal, a line every few
/// seconds elsewhere.
class progress {
 public:
  using teller = std::function<void(std::uint64_t done, std::uint64_t total, double per_second)>;
  using writer = std::function<void(const std::string& text)>;

  /// `total` is an estimate and grows when it is passed; 0 if unknown. `write` gets what is drawn. `tell`
  /// takes the place of the lines, for a log that has a form of its own.
  progress(std::string verb, std::uint64_t total, bool terminal, writer write, teller tell = {});
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Call often: it draws when it is time. `note` stands at the end of the line.
  void show(std::uint64_t done, const std::string& note);
  /// Leaves the line as it is, or takes it away.
  void finish();

  /// One line of at most `width` columns, whose bar has the room that the words leave; pure: "draining
  /// [#####.....]  52%  51,200 of 98,304  31,004/s  1.5 s left  12 set aside".
  static std::string line(const std::string& verb, std::uint64_t done, std::uint64_t total, double per_second,
                          const std::string& note, std::size_t width);

 private:
  std::string verb_;
  std::uint64_t total_;
  bool terminal_;
  writer write_;
  teller tell_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point last_;
  std::uint64_t last_done_ = 0;
  double rate_ = 0;
};

/// 1234567 as "1,234,567".
std::string grouped(std::uint64_t n);

}  // namespace sluice::app
