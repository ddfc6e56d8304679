#include "pg/keys.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <numeric>
#include <tuple>

#include "copy/row_writer.hpp"
#include "core/encoding.hpp"

namespace sluice::pg {
namespace {

void write(copy::arena& to, std::span<const std::byte> bytes) {
  std::memcpy(to.claim(bytes.size()), bytes.data(), bytes.size());
}

auto key_of(const copy::slot& s) noexcept {
  return std::tie(s.sent_ms, s.message_id);
}

}  // namespace

ledger_keys::ledger_keys(const copy::segment& s) : segment_(&s), messages_(s.size()) {
  const auto key = [&](std::uint32_t i) { return key_of(s.slots()[i]); };
  std::iota(messages_.begin(), messages_.end(), 0U);
  std::ranges::sort(messages_, [&](std::uint32_t a, std::uint32_t b) {
    return std::tuple_cat(key(a), std::tie(a)) < std::tuple_cat(key(b), std::tie(b));
  });
  const auto same = std::ranges::unique(messages_, {}, key);
  messages_.erase(same.begin(), same.end());
}

copy::arena ledger_keys::stream() const {
  constexpr std::size_t row_bytes = 2 + (4 + 8) + (4 + 16);
  const auto header = copy::stream_header(), trailer = copy::stream_trailer();
  copy::arena out(header.size() + messages_.size() * row_bytes + trailer.size());
  write(out, header);
  copy::row_writer row(out);
  for (const std::uint32_t i : messages_) {
    const copy::slot& s = segment_->slots()[i];
    row.begin_row(2);
    row.int8(s.sent_ms);
    row.uuid(s.message_id);
    row.end_row();
  }
  write(out, trailer);
  return out;
}

std::string ledger_keys::claim_sql() const {
  std::string times, ids;
  times.reserve(messages_.size() * 14);
  ids.reserve(messages_.size() * 37);
  for (const std::uint32_t i : messages_) {
    const copy::slot& s = segment_->slots()[i];
    if (!times.empty()) {
      times += ',';
      ids += ',';
    }
    times += std::to_string(s.sent_ms);
    ids += to_string(s.message_id);
  }
  return "INSERT INTO sluice.ledger (sent_ms, message_id) SELECT * FROM unnest('{" + times +
         "}'::bigint[], '{" + ids + "}'::uuid[]) ON CONFLICT DO NOTHING RETURNING sent_ms, message_id";
}

std::int64_t ledger_keys::find(std::string_view sent_ms, std::string_view message_id) const {
  copy::slot wanted;
  const auto id = parse_uuid(message_id);
  const auto [end, e] = std::from_chars(sent_ms.data(), sent_ms.data() + sent_ms.size(), wanted.sent_ms);
  if (!id || e != std::errc{} || end != sent_ms.data() + sent_ms.size()) return -1;
  wanted.message_id = *id;
  const auto key = [&](std::uint32_t i) { return key_of(segment_->slots()[i]); };
  const auto at = std::ranges::lower_bound(messages_, key_of(wanted), {}, key);
  return at != messages_.end() && key(*at) == key_of(wanted) ? static_cast<std::int64_t>(*at) : -1;
}

}  // namespace sluice::pg
