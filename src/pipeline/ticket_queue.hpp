#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/batch_pool.hpp"
#include "sqs/message.hpp"

namespace sluice::pipeline {

/// What the queue is to do with messages: delete them, hide them for longer, or show them again.
enum class request { remove, extend, give_back };
std::string_view name_of(request r) noexcept;

/// A request for at most ten messages of a batch. The batch is not released while it is out.
struct ticket {
  batch* of;
  std::size_t first;
  std::size_t count;
  request what;
};

/// How a message of a ticket ended. There is no other end.
enum class ending {
  done,       ///< as the queue says
  told,       ///< not done: counted, and the log has it
  given_up,   ///< a stop had no more time for it: it comes again by itself
  not_asked,  ///< it is bad and stays, is held back, or is in the other part of a batch that is half loaded
};

/// The tickets of one lane that wait, and how many messages of tickets ended in which way.
///
/// Pure: it waits for nothing, and asks no clock. When a lane has ended each message that was asked for has
/// one ending: `adds_up`.
class ticket_queue {
 public:
  static constexpr std::size_t entries_max = sqs::batch_entries_max;

  /// Behind the others: tickets for all messages of the batch. `later`: not before `release_later`.
  void ask(batch& b, request what, bool later = false);
  /// Before all others.
  void ask_first(const ticket& t);
  void release_later();

  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }
  ticket take();

  void ended(ending how, std::size_t messages) noexcept { ended_[static_cast<std::size_t>(how)] += messages; }
  std::size_t ended(ending how) const noexcept { return ended_[static_cast<std::size_t>(how)]; }
  bool adds_up() const noexcept;

 private:
  void count(const ticket& t) noexcept;

  std::deque<ticket> waiting_;
  std::vector<ticket> later_;
  std::size_t asked_ = 0;
  std::array<std::size_t, 4> ended_{};
};

/// One ticket on its way: which of its messages are not done yet. Each call's answer takes those out that are
/// done, or that the queue refuses for good. Views into the batch.
class settlement {
 public:
  /// Of a batch that was loaded in parts the committed messages are deleted, and the open ones given back.
  /// What was held back, or is bad and stays (all that is bad, if `leave_bad`), comes again by itself.
  settlement(const ticket& t, bool leave_bad, ticket_queue& counts);

  std::span<const std::string_view> handles() const noexcept { return std::span(handles_).first(open_); }
  std::size_t open() const noexcept { return open_; }

  struct outcome {
    std::size_t done = 0;
    std::size_t refused = 0;  ///< the same again would be refused, too: told
    std::string code{};       ///< of the first that was refused
  };
  /// What the queue says of `handles()`. An extension that was done lasts until then.
  outcome answered(std::span<const sqs::batch_failure> failed, steady_time hidden_until);
  /// What is open ends so.
  void end(ending how) noexcept;

 private:
  ticket_queue& counts_;
  request what_;
  std::span<copy::slot> slots_;  ///< of the ticket
  std::array<std::string_view, ticket_queue::entries_max> handles_{};
  std::array<std::size_t, ticket_queue::entries_max> places_{};  ///< of each in `slots_`
  std::size_t open_ = 0;
};

}  // namespace sluice::pipeline
