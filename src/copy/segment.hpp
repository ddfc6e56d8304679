#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copy/arena.hpp"
#include "core/encoding.hpp"

namespace sluice::copy {

/// Why a message is not a row: a stable code for people and programs, and the column (or source field) at
/// fault.
struct refusal {
  std::string_view reason;  ///< static storage: "not_json", "missing_field", or "refused_by_table"
  std::string column{};     ///< may be empty
  std::string sqlstate{};   ///< empty unless PostgreSQL refused it
  bool stays = false;       ///< in the queue: see `segment::leave`
};

/// One message of a segment.
struct slot {
  uuid message_id{};
  uuid event_id{};  ///< of a row: made from its business key, where the plan has one
  std::int64_t sent_ms = 0;
  std::chrono::steady_clock::time_point hidden_until{};  ///< when SQS will show it again
  std::uint32_t row_offset = 0;  ///< its COPY tuples in `rows`; several if one message makes several rows
  std::uint32_t row_bytes = 0;
  std::uint32_t row_count = 0;    ///< 0: set aside, see `refusal_index`
  std::uint32_t body_offset = 0;  ///< its body in `bodies`, for the quarantine
  std::uint32_t body_bytes = 0;
  std::uint32_t handle_offset = 0;  ///< its receipt handle in `handles`
  std::uint32_t handle_bytes = 0;
  std::uint32_t group_bytes = 0;  ///< its group id, behind the handle
  std::uint32_t trace_bytes = 0;  ///< its trace id, behind that
  std::uint32_t receive_count = 0;
  std::int32_t refusal_index = -1;  ///< in `refusals`, or -1 for a good message
};

struct segment_options {
  std::size_t rows_max = 10'000;        ///< messages
  std::size_t row_bytes = 1U << 20;     ///< arena for COPY tuples
  std::size_t body_bytes = 2U << 20;    ///< arena for bodies
  std::size_t handle_bytes = 2U << 20;  ///< arena for receipt handles (about 400 bytes each on AWS)
};

/// A batch: rows in the form in which they are sent, and what is needed to acknowledge, repeat or set aside
/// each message.
///
/// Owned by one loop; filled by pollers, then sealed, loaded, acknowledged, cleared and filled again. Memory
/// is what the options say; a message that does not fit an empty segment grows that segment once.
class segment {
 public:
  explicit segment(segment_options o);

  /// Where a row is encoded before `add` takes it (see record::reader). Truncate back to forget it.
  arena& rows() noexcept { return rows_; }
  const arena& rows() const noexcept { return rows_; }

  struct entry {
    uuid message_id{};
    std::optional<uuid> business_key{};  ///< by which the ledger is to know its row, beside the message id
    std::int64_t sent_ms = 0;
    std::chrono::steady_clock::time_point hidden_until{};
    std::uint32_t receive_count = 0;
    std::string_view body{};
    std::string_view receipt_handle{};
    std::string_view group_id{};  ///< MessageGroupId; empty if it has none
    std::string_view trace_id{};  ///< empty if it has none
  };
  /// Adds a message whose tuples are the bytes of `rows` from `row_offset` on (`row_count` of them). False
  /// when body or handle do not fit, or rows_max is reached: then nothing has changed, `rows` is cut back to
  /// `row_offset`, and the segment is full.
  bool add(const entry& e, std::size_t row_offset, std::uint32_t row_count);
  /// Adds a message that is set aside.
  bool add_refused(const entry& e, refusal why);
  /// Turns a good message into one set aside (the table refused it). Its bytes stay; loads skip it. It loses
  /// its business key, as that is of rows: the same event, corrected and sent again, is no duplicate.
  void refuse(std::size_t index, refusal why);
  /// Takes back all refusals but the first `kept`: their messages are good again.
  void forgive(std::size_t kept);
  /// Nowhere is a place for a message that is set aside: it is not to be committed, nor deleted.
  void leave(std::size_t index) {
    refusals_.at(static_cast<std::size_t>(slots_[index].refusal_index)).stays = true;
  }
  bool is_left(const slot& s) const { return s.refusal_index >= 0 && refusal_of(s).stays; }
  /// Makes room for one message of this size in an empty segment.
  void make_room(std::size_t row_bytes, std::size_t body_bytes, std::size_t handle_bytes);

  bool empty() const noexcept { return slots_.empty(); }
  bool full() const noexcept { return slots_.size() >= options_.rows_max; }
  /// Bytes for which there is a place in each of rows, bodies and handles.
  std::size_t room() const noexcept { return std::min({rows_.room(), bodies_.room(), handles_.room()}); }
  std::size_t size() const noexcept { return slots_.size(); }
  std::size_t refused() const noexcept { return refusals_.size(); }
  std::span<const slot> slots() const noexcept { return slots_; }
  std::span<slot> slots() noexcept { return slots_; }
  const refusal& refusal_of(const slot& s) const {
    return refusals_.at(static_cast<std::size_t>(s.refusal_index));
  }
  std::string_view body(const slot& s) const noexcept { return bodies_.text(s.body_offset, s.body_bytes); }
  std::string_view receipt_handle(const slot& s) const noexcept {
    return handles_.text(s.handle_offset, s.handle_bytes);
  }
  std::string_view group_id(const slot& s) const noexcept {
    return handles_.text(s.handle_offset + s.handle_bytes, s.group_bytes);
  }
  std::string_view trace_id(const slot& s) const noexcept {
    return handles_.text(s.handle_offset + s.handle_bytes + s.group_bytes, s.trace_bytes);
  }
  std::chrono::steady_clock::time_point hidden_until() const noexcept;  ///< the earliest of its messages

  // A batch may be loaded in parts, each in a transaction of its own, in the order of its messages.
  /// Messages before this one are committed or held back; it and those behind it are open.
  std::size_t first_open() const noexcept { return first_open_; }
  std::size_t open() const noexcept { return slots_.size() - first_open_; }
  /// The next `count` open messages are committed.
  void commit(std::size_t count) noexcept { first_open_ += count; }
  /// The next open message stays in the queue for now, though it is not refused.
  void hold_back() { held_back_.push_back(first_open_++); }
  /// Opens again what was held back last, with nothing committed since.
  void open_again() noexcept {
    for (; !held_back_.empty() && held_back_.back() + 1 == first_open_; held_back_.pop_back()) --first_open_;
  }
  bool is_held_back(std::size_t index) const noexcept;
  std::size_t held_back() const noexcept { return held_back_.size(); }
  void clear() noexcept;

 private:
  segment_options options_;
  arena rows_, bodies_, handles_;
  std::vector<slot> slots_;
  std::vector<refusal> refusals_;
  std::vector<std::uint32_t> rows_refused_;  ///< `row_count` of each before it was refused
  std::size_t first_open_ = 0;
  std::vector<std::size_t> held_back_;  ///< in order
};

}  // namespace sluice::copy
