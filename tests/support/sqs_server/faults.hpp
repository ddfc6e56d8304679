#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/sqs_server/error.hpp"
#include "support/sqs_server/random.hpp"
#include "support/sqs_server/time.hpp"

namespace sluice::sqs_server {

/// What goes wrong on purpose, and how often (rates from 0 to 1). The default is nothing.
struct fault_options {
  std::uint64_t seed = 1;
  milliseconds latency{0};          ///< before each reply
  double error_rate = 0;            ///< 500 or 503; half of these calls were carried out, as in life
  double throttle_rate = 0;         ///< RequestThrottled, not carried out
  double cut_rate = 0;              ///< the connection ends in the middle of a reply
  std::size_t cut_after_bytes = 0;  ///< of the reply
  double failed_entry_rate = 0;     ///< of batch entries: InternalError in `Failed`, not carried out
  double duplicate_rate = 0;        ///< of received messages: visible at once a second time
  double lost_delete_rate = 0;   ///< of deletes: answered with success, and delivered again after the timeout
  double stale_handle_rate = 0;  ///< of deletes and changes: ReceiptHandleIsInvalid, not carried out
  seconds clock_offset{0};       ///< added to the server's clock
  std::vector<std::string> operations;  ///< that latency, errors, throttles and cuts are for; empty for all
};

/// From what `POST /control/faults` sends: members named as above, durations as `latency_ms` and
/// `clock_offset_s`. Unknown members are refused.
outcome<fault_options> parse_faults(const std::string& json);
std::string to_json(const fault_options& o);

/// Draws from one seeded source, so that a run with the same calls in the same order meets the same faults.
class fault_injector {
 public:
  explicit fault_injector(fault_options o = {}) { set(std::move(o)); }
  void set(fault_options o) {
    options_ = std::move(o);
    random_ = random_source(options_.seed);
  }
  const fault_options& options() const noexcept { return options_; }

  struct plan {
    std::optional<service_error> refuse;  ///< instead of carrying it out
    std::optional<service_error> hide;    ///< instead of the true answer
    milliseconds latency{0};
    std::optional<std::size_t> cut_after;
  };
  plan for_call(std::string_view operation);

  bool fails_entry() { return random_.chance(options_.failed_entry_rate); }
  bool duplicates() { return random_.chance(options_.duplicate_rate); }
  bool loses_delete() { return random_.chance(options_.lost_delete_rate); }
  bool makes_stale() { return random_.chance(options_.stale_handle_rate); }

 private:
  fault_options options_;
  random_source random_{1};
};

}  // namespace sluice::sqs_server
