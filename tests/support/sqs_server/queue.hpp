#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "support/sqs_server/due_heap.hpp"
#include "support/sqs_server/recent.hpp"
#include "support/sqs_server/settings.hpp"
#include "support/sqs_server/slab.hpp"

namespace sluice::sqs_server {

using message_list = boost::intrusive::list<message>;

/// The messages of one MessageGroupId of a FIFO queue, in order. In the queue's list of ready groups while
/// its first message can be received.
class message_group : public boost::intrusive::list_base_hook<> {
 public:
  message_list messages;
  std::uint32_t in_flight = 0;
};

/// Somebody who waits for messages of a queue (a long poll).
class waiter
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// There may be something to receive, or to wait for: try again. Called with the waiter out of the list;
  /// must not call the queue.
  virtual void wake() noexcept = 0;

 protected:
  ~waiter() = default;
};

/// One queue, standard or FIFO: pure state, with the time passed to each call (which never goes back).
///
/// Everything is O(1) or O(log in flight). What becomes due does so at the next call that carries the time.
class queue {
 public:
  static constexpr std::size_t in_flight_max = 120'000;
  static constexpr seconds visibility_max{43'200};
  static constexpr std::size_t receive_max = 10;

  /// `arn` outlives the queue, and the messages that it passes to other queues.
  queue(std::string name, const std::string& arn, std::uint32_t number, queue_settings settings, instant now);
  queue(const queue&) = delete;
  queue& operator=(const queue&) = delete;
  ~queue();

  const std::string& name() const noexcept { return name_; }
  const std::string& arn() const noexcept { return arn_; }
  std::uint32_t number() const noexcept { return number_; }
  bool fifo() const noexcept { return settings_.fifo(); }
  const queue_settings& settings() const noexcept { return settings_; }
  outcome<> apply(const attribute_map& changes, instant now);
  instant created() const noexcept { return created_; }
  instant modified() const noexcept { return modified_; }
  /// Where messages go that were received too often; null for nowhere. The broker keeps it alive or clears
  /// it.
  void dead_letter_queue(queue* q) noexcept { dead_letter_ = q; }
  queue* dead_letter_queue() const noexcept { return dead_letter_; }

  struct sent {
    uuid id;
    std::uint64_t sequence;
  };
  /// On a FIFO queue a message that was sent in the last five minutes gives what it gave then.
  sent send(payload_ptr content, const uuid& id, std::optional<seconds> delay, instant now);

  struct received {
    const message* what;
    handle receipt;
  };
  struct receive_options {
    std::size_t count_max = 1;
    seconds visibility{30};
    std::string_view attempt_id = {};
  };
  /// Adds to `out`, whose messages stay where they are until the next call. Fails with OverLimit.
  outcome<> receive(const receive_options& o, instant now, std::vector<received>& out);

  enum class answer { done, expired, gone, not_in_flight, beyond_limit };
  /// Handles: an old one of a standard queue is `done` and does nothing; of a FIFO queue it is `expired`.
  answer remove(const handle& h, instant now);
  answer change_visibility(const handle& h, seconds timeout, instant now);

  /// Takes a message that moves here: it is new, but no deduplication drops it.
  void adopt(payload_ptr content, const uuid& id, instant now);
  /// Takes a copy of another queue's message: dead letters keep identity, time and receive count.
  void adopt_dead_letter(const message& from, const std::string& source_arn, instant now);
  /// Makes the message visible a second time, as at-least-once delivery may.
  void duplicate(const message& m, instant now);
  /// The oldest visible message, for a move task; null if there is none.
  message* front(instant now);
  void remove(message& m) { erase(m); }

  bool purge(instant now);  ///< false within 60 s of the last one

  struct counts {
    std::size_t visible = 0;
    std::size_t in_flight = 0;
    std::size_t delayed = 0;
    bool operator==(const counts&) const = default;
  };
  counts count(instant now);
  struct totals {
    std::uint64_t sent = 0, received = 0, deleted = 0, dead = 0, expired = 0;
  };
  const totals& total() const noexcept { return totals_; }

  void advance(instant now);  ///< makes visible what is due
  std::optional<instant> next_due() const noexcept;
  void wait(waiter& w) noexcept { waiters_.push_back(w); }
  /// For a waiter that was woken and goes away: the next one shall look.
  void wake_one() noexcept;

 private:
  struct attempt {
    std::vector<handle> handles;
    instant due;
  };

  message& add(payload_ptr content, const uuid& id, instant sent_at, seconds delay, instant now);
  bool receive_again(const receive_options& o, instant now, std::vector<received>& out);
  void receive_standard(std::size_t count_max, seconds visibility, instant now, std::vector<received>& out);
  void receive_groups(std::size_t count_max, seconds visibility, instant now, std::vector<received>& out);
  bool expires_or_dies(message& m, instant now);
  void deliver(message& m, seconds visibility, instant now, std::vector<received>& out);

  void place(message& m, message::place to);
  void make_visible(message& m);
  void schedule(message& m, instant due);
  void unschedule(message& m) noexcept;
  void erase(message& m);
  void refresh(message_group& g);
  void sweep_expired(instant now);

  std::string name_;
  const std::string& arn_;
  std::uint32_t number_;
  queue_settings settings_;
  instant created_, modified_;
  instant purged_{};
  instant oldest_sent_;  ///< no message is older; may be too early
  queue* dead_letter_ = nullptr;

  slab slab_;
  due_heap due_;
  message_list ready_;                                     ///< standard
  boost::intrusive::list<message_group> ready_groups_;     ///< FIFO
  std::unordered_map<std::string, message_group> groups_;  ///< FIFO; by MessageGroupId
  std::uint64_t sequence_ = 0;
  recent<sent> deduplication_{std::chrono::minutes(5)};
  recent<attempt> attempts_{std::chrono::minutes(5)};
  boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiters_;
  counts counts_;
  totals totals_;
};

}  // namespace sluice::sqs_server
