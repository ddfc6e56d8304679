#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "copy/arena.hpp"
#include "copy/segment.hpp"

namespace sluice::pg {

/// The keys of a segment's messages as the ledger has them, each once, in the ledger's order. The order keeps
/// two transactions that claim the same keys from waiting for each other, and puts new keys side by side in
/// the index.
class ledger_keys {
 public:
  explicit ledger_keys(const copy::segment& s);

  /// The first message of each key, by its place in the segment.
  const std::vector<std::uint32_t>& messages() const noexcept { return messages_; }
  /// For COPY sluice.ledger(sent_ms, message_id) FROM STDIN (FORMAT binary).
  copy::arena stream() const;
  /// INSERT ... ON CONFLICT DO NOTHING RETURNING sent_ms, message_id: gives the keys that were not there.
  std::string claim_sql() const;
  /// The message with this key, as text from the server; -1 if there is none.
  std::int64_t find(std::string_view sent_ms, std::string_view message_id) const;

 private:
  const copy::segment* segment_;
  std::vector<std::uint32_t> messages_;
};

}  // namespace sluice::pg
