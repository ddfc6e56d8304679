#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace sluice::pg {

/// Which entries of the quarantine. What is empty does not matter.
struct quarantine_filter {
  std::vector<std::string> ids;  ///< message ids
  std::string reason;            ///< "missing_field"
  /// When they were set aside: what PostgreSQL takes for a timestamptz, in the time zone of the session.
  std::string since, until;
  std::string target;  ///< as load_plan has it

  bool empty() const noexcept {
    return ids.empty() && reason.empty() && since.empty() && until.empty() && target.empty();
  }
};

/// An entry of the quarantine, without its body.
struct quarantine_entry {
  std::string message_id;
  std::int64_t sent_ms = 0;
  std::string set_aside_at;  ///< "2026-11-24T11:02:47Z"
  std::string reason, sqlstate, column, target;
  std::uint32_t receive_count = 0;
  std::string key_id;               ///< of the key that sealed its body; empty if that was not kept
  std::optional<std::string> body;  ///< sealed; only where it was asked for, and was kept
};

/// Where a page of entries begins: after this one, in the order of time and id.
struct quarantine_position {
  std::int64_t sent_ms = INT64_MIN;
  std::string message_id = "00000000-0000-0000-0000-000000000000";
};

/// The same filter, its times in UTC where they name no zone. The session keeps its own.
boost::asio::awaitable<result<quarantine_filter>> in_utc(connection& c, quarantine_filter filter);

/// At most `count_max`, the oldest messages first. A failure with SQLSTATE class 22 means that the filter
/// holds no id or no time.
boost::asio::awaitable<result<std::vector<quarantine_entry>>> read_quarantine(
    connection& c, const quarantine_filter& filter, const quarantine_position& after, std::size_t count_max,
    bool with_bodies);
boost::asio::awaitable<result<std::uint64_t>> count_quarantine(connection& c,
                                                               const quarantine_filter& filter);
/// How many there were.
boost::asio::awaitable<result<std::uint64_t>> drop_quarantine(connection& c, const quarantine_filter& filter);

}  // namespace sluice::pg
