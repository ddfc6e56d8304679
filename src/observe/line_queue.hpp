#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::observe {

/// Lines that wait to be written, at most so many bytes of them, and a count of those for which there was no
/// room. Pure: no thread, no lock, no file.
///
/// Once a line was dropped, so are all behind it until the rest is taken: the gap is at the end of what is
/// taken, and nowhere else.
class line_queue {
 public:
  explicit line_queue(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  /// False when it was dropped.
  bool push(std::string_view line) {
    if (dropped_ > 0 || line.size() > bytes_max_ - lines_.size()) {
      ++dropped_;
      return false;
    }
    lines_ += line;
    return true;
  }
  /// All lines in their order, into `out`, whose memory those to come get. Returns how many were dropped
  /// behind them.
  std::uint64_t take(std::string& out) noexcept {
    out.clear();
    out.swap(lines_);
    return std::exchange(dropped_, 0);
  }
  bool empty() const noexcept { return lines_.empty() && dropped_ == 0; }

 private:
  std::size_t bytes_max_;
  std::string lines_;
  std::uint64_t dropped_ = 0;
};

/// How much of `lines` one write should have: whole lines of at most `bytes` together, or one that is longer.
/// A pipe does not mix writes of up to PIPE_BUF bytes with those of other processes (write(2), POSIX).
inline std::size_t whole_lines(std::string_view lines, std::size_t bytes) noexcept {
  if (lines.size() <= bytes) return lines.size();
  const std::size_t last = lines.substr(0, bytes).rfind('\n');
  const std::size_t end = last == lines.npos ? lines.find('\n', bytes) : last;
  return end == lines.npos ? lines.size() : end + 1;
}

}  // namespace sluice::observe
