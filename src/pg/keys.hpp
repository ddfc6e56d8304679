#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copy/arena.hpp"
#include "copy/segment.hpp"

namespace sluice::pg {

/// What says which messages are still to be loaded.
enum class ledger {
  none,
  messages,    ///< sluice.ledger: those whose time and id are not there yet
  events,      ///< sluice.business_ledger: rows whose business key is not there yet, whatever their time
  quarantine,  ///< sluice.quarantine: those that are there, to be taken out (replay)
};

/// The keys of a segment's messages as a ledger has them, each once, in the ledger's order. The order keeps
/// two transactions that claim the same keys from waiting for each other, and puts new keys side by side in
/// the index.
class ledger_keys {
 public:
  /// Of these messages, by their place in the segment, which outlives this.
  ledger_keys(const copy::segment& s, ledger in, std::span<const std::uint32_t> messages);

  /// The first message of each key that is not refused, or else the first, by its place in the segment.
  const std::vector<std::uint32_t>& messages() const noexcept { return messages_; }
  /// COPY ... FROM STDIN of `stream`: takes all keys, or fails with 23505.
  std::string copy_sql() const;
  copy::arena stream() const;
  /// Takes the keys that are still to be taken, and gives them: sent_ms, message_id. `as_of_now`: the ledger
  /// is to remember them from now on, and not from when they were sent.
  std::string claim_sql(bool as_of_now = false) const;
  /// The message with this key, as text from the server; -1 if there is none.
  std::int64_t find(std::string_view sent_ms, std::string_view message_id) const;

 private:
  /// A key as numbers, which sort as the index does and many times faster than bytes.
  struct order {
    std::int64_t sent_ms;
    std::uint64_t id_high, id_low;
    auto operator<=>(const order&) const = default;
  };
  order order_of(std::int64_t sent_ms, const uuid& id) const noexcept;
  order order_of(std::uint32_t message) const noexcept;
  const uuid& id_of(std::uint32_t message) const noexcept;

  const copy::segment* segment_;
  ledger in_;
  std::vector<std::uint32_t> messages_;
};

}  // namespace sluice::pg
