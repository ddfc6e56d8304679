#include "pg/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"

namespace sluice::pg {
namespace {

// Puts it behind others with its key: of two deliveries of one message, one may be damaged.
constexpr std::uint32_t refused_bit = 1U << 31U;

void write(copy::arena& to, std::span<const std::byte> bytes) {
  std::memcpy(to.claim(bytes.size()), bytes.data(), bytes.size());
}

std::uint64_t big_endian(const uuid& id, std::size_t first) noexcept {
  std::uint64_t n = 0;
  for (std::size_t i = first; i < first + sizeof n; ++i) n = n << 8U | static_cast<std::uint8_t>(id[i]);
  return n;
}

std::string_view table_of(ledger l) noexcept {
  return l == ledger::events ? "sluice.business_ledger" : "sluice.ledger";
}

}  // namespace

ledger_keys::ledger_keys(const copy::segment& s, ledger in, std::span<const std::uint32_t> messages)
    : segment_(&s), in_(in) {
  std::vector<std::pair<order, std::uint32_t>> sorted;
  sorted.reserve(messages.size());
  for (const std::uint32_t i : messages) {
    const bool is_refused = s.slots()[i].refusal_index >= 0;
    sorted.emplace_back(order_of(i), is_refused ? i | refused_bit : i);
  }
  std::ranges::sort(sorted);
  const auto same = std::ranges::unique(sorted, {}, &std::pair<order, std::uint32_t>::first);
  sorted.erase(same.begin(), same.end());
  messages_.reserve(sorted.size());
  for (const auto& [place, message] : sorted) messages_.push_back(message & ~refused_bit);
}

const uuid& ledger_keys::id_of(std::uint32_t message) const noexcept {
  const copy::slot& s = segment_->slots()[message];
  return in_ == ledger::events ? s.event_id : s.message_id;
}

/// Of a business key the time is no part: a producer that sends twice does it at two times.
ledger_keys::order ledger_keys::order_of(std::int64_t sent_ms, const uuid& id) const noexcept {
  return {in_ == ledger::events ? 0 : sent_ms, big_endian(id, 0), big_endian(id, 8)};
}

ledger_keys::order ledger_keys::order_of(std::uint32_t message) const noexcept {
  return order_of(segment_->slots()[message].sent_ms, id_of(message));
}

std::string ledger_keys::copy_sql() const {
  return fmt::format("COPY {} (sent_ms, message_id) FROM STDIN (FORMAT binary)", table_of(in_));
}

copy::arena ledger_keys::stream() const {
  constexpr std::size_t row_bytes = 2 + (4 + 8) + (4 + 16);
  const auto header = copy::stream_header(), trailer = copy::stream_trailer();
  copy::arena out(header.size() + messages_.size() * row_bytes + trailer.size());
  write(out, header);
  copy::row_writer row(out);
  for (const std::uint32_t i : messages_) {
    row.begin_row(2);
    row.int8(segment_->slots()[i].sent_ms);
    row.uuid(id_of(i));
    row.end_row();
  }
  write(out, trailer);
  return out;
}

std::string ledger_keys::claim_sql(bool as_of_now) const {
  std::string times, ids;
  times.reserve(messages_.size() * 14);
  ids.reserve(messages_.size() * 37);
  for (const std::uint32_t i : messages_) {
    if (!times.empty()) {
      times += ',';
      ids += ',';
    }
    times += std::to_string(segment_->slots()[i].sent_ms);
    ids += to_string(id_of(i));
  }
  const std::string keys = fmt::format("unnest('{{{}}}'::bigint[], '{{{}}}'::uuid[])", times, ids);
  if (in_ == ledger::quarantine) {
    return "DELETE FROM sluice.quarantine q USING " + keys +
           " AS k(sent_ms, message_id) WHERE (q.sent_ms, q.message_id) = (k.sent_ms, k.message_id) "
           "RETURNING q.sent_ms, q.message_id";
  }
  return fmt::format(
      "INSERT INTO {} (sent_ms, message_id) SELECT {}, id FROM {} AS k(sent, id) ON CONFLICT DO NOTHING "
      "RETURNING sent_ms, message_id",
      table_of(in_), as_of_now ? "floor(extract(epoch FROM now()) * 1000)::bigint" : "sent", keys);
}

std::int64_t ledger_keys::find(std::string_view sent_ms, std::string_view message_id) const {
  std::int64_t time = 0;
  const auto id = parse_uuid(message_id);
  const auto [end, e] = std::from_chars(sent_ms.data(), sent_ms.data() + sent_ms.size(), time);
  if (!id || e != std::errc{} || end != sent_ms.data() + sent_ms.size()) return -1;
  const order wanted = order_of(time, *id);
  const auto at =
      std::ranges::lower_bound(messages_, wanted, {}, [&](std::uint32_t i) { return order_of(i); });
  return at != messages_.end() && order_of(*at) == wanted ? static_cast<std::int64_t>(*at) : -1;
}

}  // namespace sluice::pg
