#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>

#include "pg/load_plan.hpp"
#include "pipeline/options.hpp"

namespace tests {

/// All that is left to chance in one run comes from here, so that a seed gives the same run again.
class dice {
 public:
  explicit dice(std::uint64_t seed) : random_(seed) {}

  int between(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  std::chrono::milliseconds ms_between(int least, int most) {
    return std::chrono::milliseconds(between(least, most));
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  std::uint64_t number() { return random_(); }

 private:
  std::mt19937_64 random_;
};

/// What one run is like: chosen before it begins, and printed when it goes wrong.
struct choices {
  enum class kind {
    ordinary,       ///< everything fails for a while, then nothing does, and the queue becomes empty
    one_outage,     ///< only the database fails, once
    changed_table,  ///< only the table refuses, by a constraint, all messages for a while
  };
  kind of = kind::ordinary;
  sluice::pipeline::options options;
  std::size_t lanes = 1;      ///< of each process
  std::size_t calls_max = 0;  ///< descriptors of each process for calls to the queue; 0: no limit
  int processes = 1;

  bool fifo = false, with_ledger = true, upsert = false, by_event = false;
  sluice::pg::bad_messages bad = sluice::pg::bad_messages::quarantine;
  bool names_line = true;        ///< the server, of the row that it refuses
  bool sample_has_rival = true;  ///< the table has a unique key

  int messages = 0;
  /// Shares of messages: bad bodies; rows that the table refuses, whose transactions take too long, that
  /// others lock.
  double bad_bodies = 0, refused_rows = 0, slow_rows = 0, locked_rows = 0;

  /// Of each call: fails; its reply is lost; is slow; hangs. Of each receive: the message is given twice. Of
  /// each failure: no other try helps. Of each call: the server is away from now on for a time. Of each load:
  /// the table refuses every row for a time.
  double fail = 0, lose = 0, slow = 0, hang = 0, twice = 0, fatal = 0, outage = 0, refuse_all = 0;
  std::chrono::milliseconds crash_every{0};  ///< about; 0: never
};

/// A table that changes is chosen by name only.
choices choose(dice& d, bool changed_table);
std::string to_line(const choices& c);

}  // namespace tests
