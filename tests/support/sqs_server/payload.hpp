#pragma once

#include <simdjson.h>

#include "support/sqs_server/queue.hpp"

namespace sluice::sqs_server {

inline constexpr const char* no_deduplication_id =
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
    "explicitly";

/// A body alone, for filling a queue: not checked.
payload_ptr make_payload(std::string_view body);

/// What SendMessage, or an entry of SendMessageBatch, has of a message; checked against the rules of its
/// queue's type, but not for size: a batch says that in other words.
outcome<payload_ptr> read_payload(const queue& q, const simdjson::dom::object& input);

}  // namespace sluice::sqs_server
