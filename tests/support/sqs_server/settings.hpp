#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "support/sqs_server/error.hpp"
#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

using attribute_map = std::map<std::string, std::string, std::less<>>;

struct redrive_policy {
  std::string target_arn;
  std::uint32_t receives_max = 0;
};

/// A queue's settable attributes: as text, as GetQueueAttributes gives them, and as values to work with.
class queue_settings {
 public:
  explicit queue_settings(bool fifo = false);

  /// Checks names, ranges and documents; changes nothing if any is wrong. An empty text takes Policy,
  /// RedrivePolicy and the like away.
  outcome<> apply(const attribute_map& changes);

  const attribute_map& text() const noexcept { return text_; }
  bool fifo() const noexcept { return fifo_; }
  seconds visibility() const noexcept { return visibility_; }
  seconds delay() const noexcept { return delay_; }
  seconds wait() const noexcept { return wait_; }
  seconds retention() const noexcept { return retention_; }
  std::size_t message_bytes_max() const noexcept { return message_bytes_max_; }
  bool content_based_deduplication() const noexcept { return content_based_deduplication_; }
  bool deduplicates_by_group() const noexcept { return deduplicates_by_group_; }
  const std::optional<redrive_policy>& redrive() const noexcept { return redrive_; }

 private:
  outcome<> check(std::string_view name, const std::string& value) const;
  void refresh();

  attribute_map text_;
  bool fifo_;
  seconds visibility_{}, delay_{}, wait_{}, retention_{};
  std::size_t message_bytes_max_ = 0;
  bool content_based_deduplication_ = false;
  bool deduplicates_by_group_ = false;
  std::optional<redrive_policy> redrive_;
};

outcome<redrive_policy> parse_redrive_policy(const std::string& text);

}  // namespace sluice::sqs_server
