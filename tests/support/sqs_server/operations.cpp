#include "support/sqs_server/operations.hpp"

#include "support/sqs_server/operations_message.hpp"
#include "support/sqs_server/operations_queue.hpp"

namespace sluice::sqs_server {

std::span<const operation> operations() noexcept {
  // The most frequent first: the table is searched from its beginning.
  static constexpr operation all[] = {
      {"ReceiveMessage", receive_message},
      {"DeleteMessageBatch", delete_message_batch},
      {"SendMessageBatch", send_message_batch},
      {"ChangeMessageVisibilityBatch", change_message_visibility_batch},
      {"SendMessage", send_message},
      {"DeleteMessage", delete_message},
      {"ChangeMessageVisibility", change_message_visibility},
      {"GetQueueUrl", get_queue_url},
      {"GetQueueAttributes", get_queue_attributes},
      {"SetQueueAttributes", set_queue_attributes},
      {"CreateQueue", create_queue},
      {"DeleteQueue", delete_queue},
      {"ListQueues", list_queues},
      {"PurgeQueue", purge_queue},
      {"ListDeadLetterSourceQueues", list_dead_letter_source_queues},
      {"StartMessageMoveTask", start_message_move_task},
      {"ListMessageMoveTasks", list_message_move_tasks},
      {"CancelMessageMoveTask", cancel_message_move_task},
  };
  return all;
}

}  // namespace sluice::sqs_server
