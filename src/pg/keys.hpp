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
  business,    ///< sluice.business_ledger: those whose business key is not there yet, whatever their time
  quarantine,  ///< sluice.quarantine: those that are there, to be taken out (replay)
};

/// A FROM item with sent time and one of the ids of these messages: two columns, a row each.
std::string unnest(const copy::segment& s, std::span<const std::uint32_t> messages, uuid copy::slot::* id);

/// The keys of a segment's messages as a ledger has them, each once, in the ledger's order. The order keeps
/// two transactions that claim the same keys from waiting for each other, and puts new keys side by side in
/// the index.
class ledger_keys {
 public:
  /// `refused_too`: also of messages that are set aside.
  explicit ledger_keys(const copy::segment& s, ledger in = ledger::messages, bool refused_too = true);

  /// The first message of each key, by its place in the segment.
  const std::vector<std::uint32_t>& messages() const noexcept { return messages_; }
  /// COPY ... FROM STDIN of `stream`: takes all keys, or fails with 23505.
  std::string copy_sql() const;
  copy::arena stream() const;
  /// Takes the keys that are still to be taken, and gives them: sent_ms, message_id.
  std::string claim_sql() const;
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

  const copy::segment* segment_;
  ledger in_;
  std::vector<std::uint32_t> messages_;
};

}  // namespace sluice::pg
