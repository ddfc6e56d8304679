#pragma once

#include <chrono>
#include <string>

#include "observe/counters.hpp"

namespace sluice::observe {

/// Figures for CloudWatch in its embedded metric format: a line on standard output that CloudWatch Logs makes
/// metrics of, with no call of ours (CloudWatch user guide, "Specification: Embedded metric format").
///
/// Each document holds what was gained since the one before, and the slowest percent of the latencies; one
/// dimension, the queue, so that all tasks add up and a metric is paid for once. Pure; one thread.
class emf_reporter {
 public:
  /// `name_space` is the metrics' namespace, `queue` the dimension's value.
  emf_reporter(std::string name_space, std::string queue)
      : namespace_(std::move(name_space)), queue_(std::move(queue)) {}

  /// One line, without its end.
  std::string document(const counters& c, std::chrono::system_clock::time_point now);

 private:
  struct reading {
    std::uint64_t rows = 0, set_aside = 0, duplicates = 0, load_failures = 0, receive_failures = 0,
                  requests = 0;
    histogram::snapshot load_time, send_to_commit;
  };
  static reading read(const counters& c);

  std::string namespace_;
  std::string queue_;
  reading last_;
};

}  // namespace sluice::observe
