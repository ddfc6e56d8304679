#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "observe/level.hpp"
#include "observe/notices.hpp"

namespace sluice::observe {

enum class log_format { text, json };

/// A field of an event. Values are numbers, names and codes; never what a message held.
struct field {
  std::string_view name;
  std::variant<std::int64_t, double, bool, std::string_view> value;

  field(std::string_view n, std::string_view v) : name(n), value(v) {}
  field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  field(std::string_view n, bool v) : name(n), value(v) {}
  field(std::string_view n, double v) : name(n), value(v) {}
  template <std::integral Integer>
  field(std::string_view n, Integer v) : name(n), value(static_cast<std::int64_t>(v)) {}
};

/// Events as lines on standard error: one JSON object each, or text for people. Thread-safe. Names and levels
/// are those of observe/events.hpp.
///
/// A warning that repeats within ten seconds is held back; its next line says how many were ("repeats"). The
/// last warnings and errors are kept for the status page: of their fields only `why` and `fix`.
///
/// No call waits for the file: a thread writes (see line_writer). What a reader that has stopped leaves no
/// room for is dropped, counted, and told by a line (`log_lines_dropped`) when there is room again.
class logger {
 public:
  logger(log_format format, level lowest);
  ~logger();
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  void event(level at, std::string_view name, std::initializer_list<field> fields = {});
  void debug(std::string_view name, std::initializer_list<field> fields = {}) {
    event(level::debug, name, fields);
  }
  void info(std::string_view name, std::initializer_list<field> fields = {}) {
    event(level::info, name, fields);
  }
  void warning(std::string_view name, std::initializer_list<field> fields = {}) {
    event(level::warning, name, fields);
  }
  void error(std::string_view name, std::initializer_list<field> fields = {}) {
    event(level::error, name, fields);
  }

  /// As it is, behind the lines before it: a progress bar, or what a command says at its end.
  void text(std::string_view plain);
  /// Before something else writes to the same terminal: waits until all lines are written, for a second at
  /// most.
  void flush();

  std::vector<notice> last_notices() const;       ///< the newest first
  std::uint64_t logged(level at) const noexcept;  ///< events so far, with those held back or not shown
  std::uint64_t dropped() const noexcept;         ///< lines that nothing has written

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// One event as a line without its end, without time and level: pure, for tests.
std::string format_event(log_format format, std::string_view name, std::initializer_list<field> fields);

}  // namespace sluice::observe
