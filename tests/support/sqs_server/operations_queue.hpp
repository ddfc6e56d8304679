#pragma once

#include "support/sqs_server/operations.hpp"

namespace sluice::sqs_server {

/// The queue that QueueUrl names: ".../<account>/<queue>"; the host is not looked at.
outcome<queue*> queue_of(const call& c);

outcome<> create_queue(call& c);
outcome<> get_queue_url(call& c);
outcome<> get_queue_attributes(call& c);
outcome<> set_queue_attributes(call& c);
outcome<> list_queues(call& c);
outcome<> delete_queue(call& c);
outcome<> purge_queue(call& c);
outcome<> list_dead_letter_source_queues(call& c);
outcome<> start_message_move_task(call& c);
outcome<> list_message_move_tasks(call& c);
outcome<> cancel_message_move_task(call& c);

}  // namespace sluice::sqs_server
