#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::observe {

/// Writes lines to a file by a thread of its own, so that a reader that has stopped (a full pipe, a terminal
/// that is held) stops nothing else. What waits has a bound; what is beyond it is dropped and counted.
///
/// Any thread may call it, and never waits for the file. The thread starts with the first line. The
/// destructor gives what waits `exit_wait`; a write that hangs for longer is left to the end of the process.
class line_writer {
 public:
  /// A line that says how many were lost before it. It may outlive the writer: it refers to nothing.
  using teller = std::function<std::string(std::uint64_t lost)>;
  static constexpr std::size_t bytes_max = 512 * 1024;  ///< twice that is the most memory it takes
  static constexpr std::chrono::milliseconds exit_wait{1'000};

  explicit line_writer(int file, teller tell = {});
  ~line_writer();
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;

  /// `line` with its end, or a piece of text that needs none.
  void write(std::string_view line);
  /// Waits until all is written, but not for longer than this.
  void flush(std::chrono::milliseconds longest);
  /// Lines that are nowhere: there was no room for them, or the file did not take them.
  std::uint64_t lost() const noexcept;

 private:
  struct state;
  static void run(state& s);

  std::shared_ptr<state> state_;  ///< the thread's, too
};

}  // namespace sluice::observe
