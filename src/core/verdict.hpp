#pragma once

#include <string_view>

#include "core/failure.hpp"

namespace sluice {

/// What to do about a failure.
enum class verdict {
  retry,      ///< the same again, after a back-off
  reconnect,  ///< the connection is gone or its state unknown: a new one, then the same again
  throttle,   ///< the peer asks for less, or we are out of descriptors: back off, with less in flight
  auth,       ///< credentials may be stale: refresh them once; if that does not help, it is fatal
  bad_row,    ///< one row's data is at fault: set it aside, go on with the others
  fatal,      ///< only a person can correct it: stop, keep the messages in the queue
  cancelled,  ///< we were asked to stop: not an error
};

std::string_view to_string(verdict v) noexcept;

/// Whether the same again, after a back-off, may succeed with nobody's help.
constexpr bool may_pass(verdict v) noexcept {
  return v == verdict::retry || v == verdict::reconnect || v == verdict::throttle;
}

/// Whether this machine or process has no descriptor, buffer or memory left for another connection.
bool is_shortage(const error_code& code) noexcept;

/// The only place that decides. Covers SQLSTATE (PostgreSQL docs, appendix A), AWS error names, HTTP status,
/// errno, Asio's and TLS's errors. Only `errc::cancelled` is cancelled, which is said where we closed: what
/// Asio calls operation_aborted has other causes, too. What it does not know is `reconnect`: tried again
/// within the caller's budget, never taken for success.
verdict classify(const failure& f) noexcept;
verdict classify(const error_code& code) noexcept;

/// Of a transaction: it took too long, or waited too long for a lock. A smaller one may pass.
bool is_too_slow(const failure& f) noexcept;

}  // namespace sluice
