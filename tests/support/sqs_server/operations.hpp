#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "support/sqs_server/broker.hpp"
#include "support/sqs_server/faults.hpp"
#include "support/sqs_server/json.hpp"
#include "support/sqs_server/receipt.hpp"

// The JSON parser is compiled where it parses.
namespace simdjson::dom {
class object;
}

namespace sluice::sqs_server {

/// Which attributes a ReceiveMessage wants to see.
struct attribute_filter {
  std::uint32_t system = 0;  ///< bits, in the order of `system_attribute_names`
  bool all = false;          ///< of the message's own
  std::vector<std::string> names;
  std::vector<std::string> prefixes;
};

/// A ReceiveMessage as it was asked, which may be tried more than once while it waits.
struct receive_call {
  std::string queue_name;
  std::size_t count_max = 1;
  seconds visibility{};
  std::string attempt_id;
  attribute_filter filter;
  instant deadline;  ///< the end of the long poll
};

/// What all operations work on.
struct state {
  broker& queues;
  receipt_codec receipts;
  fault_injector& faults;
  std::vector<queue::received> scratch = {};
};

/// One call of an operation. The input dies with it: what must wait is copied into `waiting`.
struct call {
  state& on;
  const simdjson::dom::object& input;
  std::string_view host;  ///< for queue URLs
  instant now;
  std::string& out;                          ///< the reply's body is added here
  std::optional<receive_call> waiting = {};  ///< set by a ReceiveMessage that found nothing yet
};

struct operation {
  std::string_view name;
  outcome<> (*run)(call&);
};
std::span<const operation> operations() noexcept;

/// Tries a waiting ReceiveMessage. True when `out` holds the reply: there were messages, or its time is up.
outcome<bool> try_receive(state& on, const receive_call& r, instant now, std::string& out);

}  // namespace sluice::sqs_server
