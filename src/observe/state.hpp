#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "observe/counters.hpp"
#include "observe/history.hpp"
#include "observe/log.hpp"

namespace sluice::observe {

/// What a run is: names and limits, none of them secret.
struct about {
  std::string version{};
  std::string queue{};  ///< name
  std::string table{};
  std::string mode{};                       ///< "exactly_once"
  std::string bad_messages = "quarantine";  ///< or "dlq", or "leave": where they go that cannot become rows
  std::string masked{};  ///< "masked_ip by aes_siv, ...": columns and schemes; empty if none is
  std::int64_t receives_max = 0;
  std::int64_t segments = 0;
  std::int64_t connections_max = 0;  ///< to PostgreSQL
  std::chrono::system_clock::time_point started = std::chrono::system_clock::now();
};

/// Something that keeps a run from doing its work, and what to do about it.
struct trouble {
  std::string what;
  std::string fix;

  bool operator==(const trouble&) const = default;
};

/// All that the admin server tells. Whoever makes it owns the parts, which outlive it.
struct state {
  const counters& figures;
  const logger& log;
  about what;
  /// What only the program knows: that it is starting, or stopping. May be empty.
  std::function<std::vector<trouble>()> more_troubles{};
  /// Id of the key that masks now: a ring may be read again. May be empty, and give nothing: no ring.
  std::function<std::string()> primary_key{};
  /// Of the key that was primary when the oldest message was masked that is held. May be empty, and give
  /// nothing.
  std::function<std::string()> oldest_key{};
};

/// Why a run is not ready; empty when it is. Pure, but for `more_troubles`.
std::vector<trouble> troubles(const state& s, const history& h, history::steady_time now);

}  // namespace sluice::observe
