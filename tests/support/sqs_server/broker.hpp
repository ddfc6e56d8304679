#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/sqs_server/move_task.hpp"
#include "support/sqs_server/queue.hpp"
#include "support/sqs_server/random.hpp"

namespace sluice::sqs_server {

/// All queues of one account in one region, and what concerns more than one of them. Pure, as the queues are:
/// one thread, and the time is passed in.
class broker {
 public:
  struct options {
    std::string region = "us-east-1";
    std::string account = "000000000000";
    std::uint64_t seed = 1;
  };
  explicit broker(options o) : options_(std::move(o)), random_(options_.seed) {}

  const std::string& region() const noexcept { return options_.region; }
  const std::string& account() const noexcept { return options_.account; }
  random_source& random() noexcept { return random_; }

  /// With the attributes of a queue that exists, gives that queue.
  outcome<queue*> create(std::string_view name, const attribute_map& attributes, instant now);
  outcome<> set_attributes(queue& q, const attribute_map& changes, instant now);
  void remove(queue& q, instant now);
  queue* find(std::string_view name) const;
  queue* find_arn(std::string_view arn) const;
  const auto& queues() const noexcept { return queues_; }
  /// Those whose dead-letter queue this is.
  std::vector<const queue*> sources_of(const queue& q) const;

  queue::sent send(queue& q, payload_ptr content, std::optional<seconds> delay, instant now) {
    return q.send(std::move(content), random_.next_uuid(), delay, now);
  }

  outcome<const move_task*> start_move(std::string_view source_arn, std::string_view destination_arn,
                                       std::optional<std::uint32_t> per_second, instant now);
  outcome<const move_task*> cancel_move(std::string_view handle, instant now);
  /// The latest first.
  outcome<std::vector<const move_task*>> moves_of(std::string_view source_arn, instant now);
  /// Goes on with running move tasks. False when there are none.
  bool advance_moves(instant now);

 private:
  std::string arn_of(std::string_view name) const;
  outcome<> check_redrive(std::string_view own_name, const attribute_map& attributes) const;
  void resolve_dead_letters();
  void advance(move_task& task, instant now);
  bool move_one(move_task& task, queue& source, instant now);

  options options_;
  random_source random_;
  std::set<std::string> arns_;  // before the queues: messages point at the ARNs of queues that have gone
  std::map<std::string, std::unique_ptr<queue>, std::less<>> queues_;
  std::map<std::string, instant, std::less<>> deleted_;
  std::vector<std::unique_ptr<move_task>> moves_;
  std::uint32_t last_number_ = 0;
};

}  // namespace sluice::sqs_server
