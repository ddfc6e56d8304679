#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "core/failure.hpp"

namespace sluice::app {

/// What somebody opens with the key ring, or destroys, and why. Never holds what is opened.
struct audit_entry {
  std::string what;                    ///< the command: "quarantine show"
  std::string which;                   ///< what it is used on: a column, a domain, a message's id
  std::string why;                     ///< --reason, in the person's own words
  std::vector<std::string> key_ids{};  ///< that opened it
  std::uint64_t count = 0;             ///< of values

  /// Each key is noted once; an empty id, of what no key made, is not.
  void opened_with(std::string_view key_id);
};

/// One line of JSON, with the time, the user (the login's name, and the uid) and the host, without a line
/// end. `time` is in seconds since 1970-01-01, UTC.
std::string audit_line(const audit_entry& e, std::int64_t time);

/// Appends it to the file of `audit.file` (one write, then fsync), or gives it to syslog's authpriv facility.
/// The file is a regular one, no link, and its owner's alone: its mode becomes 0600. To be called before
/// anything is shown: what cannot be written down is not opened. Fails with `bad_configuration` when the
/// reason is blank, the file cannot be written, or there is neither file nor syslog.
result<> audit(const config& c, const audit_entry& e);

}  // namespace sluice::app
