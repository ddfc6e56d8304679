#include "copy/segment.hpp"

#include <algorithm>
#include <boost/assert.hpp>
#include <cstring>
#include <limits>
#include <utility>

namespace sluice::copy {
namespace {

std::uint32_t narrow(std::size_t n) noexcept {
  BOOST_ASSERT(n <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(n);
}

bool append(arena& to, std::string_view text) noexcept {
  std::byte* at = to.claim(text.size());
  if (at == nullptr) return false;
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return true;
}

}  // namespace

segment::segment(segment_options o)
    : options_(o), rows_(o.row_bytes), bodies_(o.body_bytes), handles_(o.handle_bytes) {
  slots_.reserve(o.rows_max);
}

bool segment::add(const entry& e, std::size_t row_offset, std::uint32_t row_count) {
  const std::size_t body_offset = bodies_.size(), handle_offset = handles_.size();
  if (full() || !append(bodies_, e.body) || !append(handles_, e.receipt_handle) ||
      !append(handles_, e.group_id) || !append(handles_, e.trace_id)) {
    bodies_.truncate(body_offset);
    handles_.truncate(handle_offset);
    rows_.truncate(row_offset);
    return false;
  }
  slots_.push_back({.message_id = e.message_id,
                    .event_id = e.business_key.value_or(uuid{}),
                    .sent_ms = e.sent_ms,
                    .hidden_until = e.hidden_until,
                    .row_offset = narrow(row_offset),
                    .row_bytes = narrow(rows_.size() - row_offset),
                    .row_count = row_count,
                    .body_offset = narrow(body_offset),
                    .body_bytes = narrow(e.body.size()),
                    .handle_offset = narrow(handle_offset),
                    .handle_bytes = narrow(e.receipt_handle.size()),
                    .group_bytes = narrow(e.group_id.size()),
                    .trace_bytes = narrow(e.trace_id.size()),
                    .receive_count = e.receive_count});
  return true;
}

bool segment::add_refused(const entry& e, refusal why) {
  if (!add(e, rows_.size(), 0)) return false;
  refuse(slots_.size() - 1, std::move(why));
  return true;
}

void segment::refuse(std::size_t index, refusal why) {
  slot& s = slots_.at(index);
  BOOST_ASSERT(s.refusal_index < 0);
  s.refusal_index = static_cast<std::int32_t>(refusals_.size());
  rows_refused_.push_back(std::exchange(s.row_count, 0));
  refusals_.push_back(std::move(why));
}

void segment::forgive(std::size_t kept) {
  BOOST_ASSERT(kept <= refusals_.size());
  for (slot& s : slots_) {
    if (s.refusal_index < static_cast<std::int32_t>(kept)) continue;
    s.row_count = rows_refused_[static_cast<std::size_t>(s.refusal_index)];
    s.refusal_index = -1;
  }
  refusals_.resize(kept);
  rows_refused_.resize(kept);
}

bool segment::is_held_back(std::size_t index) const noexcept {
  return std::ranges::binary_search(held_back_, index);
}

void segment::make_room(std::size_t row_bytes, std::size_t body_bytes, std::size_t handle_bytes) {
  rows_.grow(row_bytes);
  bodies_.grow(body_bytes);
  handles_.grow(handle_bytes);
}

std::chrono::steady_clock::time_point segment::hidden_until() const noexcept {
  auto earliest = std::chrono::steady_clock::time_point::max();
  for (const slot& s : slots_) earliest = std::min(earliest, s.hidden_until);
  return earliest;
}

void segment::clear() noexcept {
  rows_.clear();
  bodies_.clear();
  handles_.clear();
  slots_.clear();
  refusals_.clear();
  rows_refused_.clear();
  first_open_ = 0;
  held_back_.clear();
}

}  // namespace sluice::copy
