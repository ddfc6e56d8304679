#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/encoding.hpp"
#include "support/sqs_server/time.hpp"

namespace sluice::sqs_server {

struct message_attribute {
  std::string name;
  std::string data_type;  ///< "String", "Number" or "Binary", with its label: "Number.float"
  std::string value;      ///< text, or bytes (not base64)
  bool binary = false;
};

/// What a producer sent, and all that can be worked out from it once. Copies of a message share it.
struct payload : boost::intrusive_ref_counter<payload, boost::thread_unsafe_counter> {
  std::string body_json;                      ///< the body as it stands between quotes in a reply
  std::string body_md5;                       ///< hex
  std::vector<message_attribute> attributes;  ///< by name
  std::string attributes_md5;                 ///< hex, over all of them; empty if there are none
  std::string trace_header;                   ///< AWSTraceHeader; empty if there is none
  std::string trace_md5;
  std::string group;             ///< MessageGroupId; empty if there is none
  std::string deduplication_id;  ///< given, or of the content; empty on a standard queue
  std::size_t size = 0;          ///< bytes that count against the limits
};
using payload_ptr = boost::intrusive_ptr<const payload>;

class message_group;

/// A place in a queue's slab. A message is linked in one list at a time, and is in the heap of due times
/// while something will happen to it by itself: the end of its delay, or of its visibility timeout.
struct message : boost::intrusive::list_base_hook<> {
  enum class place : std::uint8_t { nowhere, delayed, ready, in_flight };

  payload_ptr content;
  uuid id{};
  instant sent{};
  instant first_received{};
  instant received{};                          ///< the last time
  std::uint64_t sequence = 0;                  ///< SequenceNumber, FIFO only
  message_group* group = nullptr;              ///< FIFO only
  const std::string* dead_letter_source = {};  ///< ARN; owned by the broker
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;     ///< how often the slot was freed
  std::uint32_t handles = 0;        ///< receipt handles given out; the last one counts
  std::uint32_t receive_count = 0;  ///< ApproximateReceiveCount
  std::uint32_t due_position = 0;   ///< in the heap, from 1; 0 is outside
  place where = place::nowhere;
};

/// What a receipt handle says.
struct handle {
  std::uint32_t queue;
  std::uint32_t slot;
  std::uint32_t generation;
  std::uint32_t serial;  ///< which of the message's handles it is
  bool operator==(const handle&) const = default;
};

}  // namespace sluice::sqs_server
