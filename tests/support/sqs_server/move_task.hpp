#pragma once

#include <optional>
#include <string>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

/// Moves dead letters back to where they came from, or elsewhere (StartMessageMoveTask).
struct move_task {
  enum class state { running, completed, cancelled, failed };

  std::string handle;
  std::string source_arn;
  std::string destination_arn;              ///< empty for each message's own source
  std::optional<std::uint32_t> per_second;  ///< as fast as it can without it
  instant started;
  std::uint64_t to_move = 0;
  std::uint64_t moved = 0;
  state status = state::running;
  std::string failure_reason;
};

std::string_view status_text(move_task::state s) noexcept;

}  // namespace sluice::sqs_server
