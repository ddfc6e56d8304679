#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::sqs {

/// "arn:aws:sqs:eu-west-1:123456789012:logins" is of queue "logins".
constexpr std::string_view queue_of(std::string_view arn) noexcept {
  return arn.substr(arn.rfind(':') + 1);
}

/// Where a queue's messages go that are received too often (attribute RedrivePolicy).
struct redrive_policy {
  std::string target_arn;          ///< of the dead-letter queue
  std::uint32_t receives_max = 0;  ///< AWS gives it as a number or as text

  std::string target_name() const { return std::string(queue_of(target_arn)); }
};

/// From the answer of GetQueueAttributes; nothing if the queue has none.
std::optional<redrive_policy> read_redrive_policy(const std::map<std::string, std::string>& attributes);

/// A StartMessageMoveTask as ListMessageMoveTasks tells it, the latest of a source.
struct move_task {
  std::string status;  ///< RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED
  std::uint64_t moved = 0;
  std::uint64_t to_move = 0;
  std::string
      failure_reason;  ///< a name, such as CouldNotDetermineMessageSource; what is no name is left out
};

}  // namespace sluice::sqs
