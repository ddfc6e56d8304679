#pragma once

#include "support/sqs_server/operations.hpp"

namespace sluice::sqs_server {

/// SequenceNumber as it is shown.
std::string sequence_text(std::uint64_t sequence);

outcome<> send_message(call& c);
outcome<> send_message_batch(call& c);
outcome<> receive_message(call& c);
outcome<> delete_message(call& c);
outcome<> delete_message_batch(call& c);
outcome<> change_message_visibility(call& c);
outcome<> change_message_visibility_batch(call& c);

}  // namespace sluice::sqs_server
