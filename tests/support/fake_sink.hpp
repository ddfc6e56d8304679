#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/verdict.hpp"
#include "pipeline/load_size.hpp"
#include "pipeline/ports.hpp"
#include "support/fake_queue.hpp"

namespace tests {

/// A table with its ledger, in memory: each message id counts once. Shared by the connections of one loop.
class fake_table {
 public:
  explicit fake_table(fake_queue& q) : source(q) {}

  fake_queue& source;               ///< told of each commit
  std::map<std::string, int> rows;  ///< by message id: how many rows
  std::map<std::string, std::string> set_aside;
  std::vector<std::size_t> batch_sizes;
  std::vector<bool> unknowns;  ///< `outcome_unknown` of each call
  std::size_t probes = 0;
  std::chrono::milliseconds commit_time{0};
  std::function<std::chrono::milliseconds()> delay;  ///< instead of commit_time
  bool with_ledger = true;
  sluice::pg::bad_messages bad = sluice::pg::bad_messages::quarantine;
  std::map<std::string, int> letters;  ///< bad_messages::dlq: what was sent, by message id
  /// Of an upsert: the key of a message, and for each key the newest that was taken.
  std::function<std::string(const std::string& id)> key_of;
  std::map<std::string, std::pair<std::int64_t, std::string>> newest;
  /// With a business key: the events that have their row, and the messages that came with one of these.
  bool by_event = false;
  std::set<sluice::uuid> events;
  std::set<std::string> repeats;
  std::vector<std::string> taken;  ///< ids in the order of their first commits

  enum class when { before_commit, after_commit };
  struct trouble {
    sluice::failure what;
    when at = when::before_commit;  ///< after: committed, but the reply is lost
  };
  std::function<std::optional<trouble>()> next_trouble;
  std::function<std::optional<sluice::failure>()> probe_trouble;
  std::optional<sluice::failure> takes_no_rows;  ///< of loads with a row, before the commit
  /// Whether a transaction with this message takes too long.
  std::function<bool(const std::string& id)> is_slow;
  bool in_order = false;  ///< as pg_sink has it
};

class fake_sink final : public sluice::pipeline::sink {
 public:
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  fake_sink(fake_table& t, const boost::asio::any_io_executor& executor) : table_(t), wait_(executor) {}

  awaitable<sluice::result<sluice::pg::load_report>> load(sluice::copy::segment& s,
                                                          bool outcome_unknown) override {
    table_.unknowns.push_back(outcome_unknown);
    auto trouble = table_.next_trouble ? table_.next_trouble() : std::nullopt;
    const std::chrono::milliseconds takes = table_.delay ? table_.delay() : table_.commit_time;
    if (!co_await pause(takes)) co_return sluice::failure(sluice::errc::cancelled, "closed");
    const bool with_row =
        std::ranges::any_of(s.slots(), [](const auto& slot) { return slot.refusal_index < 0; });
    if (table_.takes_no_rows && with_row) co_return *table_.takes_no_rows;
    const std::size_t first = s.first_open(), count = std::min(size_.messages_max(), s.open());
    const auto part = s.slots().subspan(first, count);
    if (is_slow(part)) co_return slow(s, count);
    send_letters(part);
    const bool is_late = trouble && sluice::is_too_slow(trouble->what);
    if (trouble && trouble->at == fake_table::when::before_commit && is_late) co_return slow(s, count);
    if (trouble && trouble->at == fake_table::when::before_commit) co_return trouble->what;
    auto report = commit(s, part);
    if (is_late) co_return slow(s, count);
    if (trouble) co_return trouble->what;
    size_.passed(count);
    s.commit(count);
    report.first = first;
    report.count = count;
    report.more = s.open() > 0;
    co_return report;
  }

  awaitable<sluice::result<>> probe() override {
    ++table_.probes;
    co_await pause(1ms);
    if (auto f = table_.probe_trouble ? table_.probe_trouble() : std::nullopt) co_return *f;
    size_.begin_small();
    co_return sluice::result<>();
  }

  void close() noexcept override {
    closed_ = true;
    wait_.cancel();
  }

 private:
  awaitable<bool> pause(std::chrono::milliseconds how_long) {
    wait_.expires_after(how_long);
    co_await wait_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return !std::exchange(closed_, false);
  }

  bool is_known(const std::string& id) const {
    return table_.with_ledger &&
           (table_.rows.contains(id) || table_.set_aside.contains(id) || table_.repeats.contains(id));
  }

  bool is_slow(std::span<const sluice::copy::slot> part) const {
    return table_.is_slow && std::ranges::any_of(part, [&](const auto& slot) {
             return table_.is_slow(sluice::to_string(slot.message_id));
           });
  }
  sluice::result<sluice::pg::load_report> slow(sluice::copy::segment& s, std::size_t count) {
    const sluice::failure why(sluice::errc::timed_out, "slow");
    if (!size_.split(s, count, table_.in_order)) return why;
    return sluice::pg::load_report{
        .first = s.first_open(), .count = 0, .more = s.open() > 0, .too_slow = why};
  }

  /// Before the commit, which may fail yet: then they are sent again.
  void send_letters(std::span<const sluice::copy::slot> part) {
    if (table_.bad != sluice::pg::bad_messages::dlq) return;
    for (const auto& slot : part) {
      const std::string id = sluice::to_string(slot.message_id);
      if (slot.refusal_index >= 0 && !is_known(id)) ++table_.letters[id];
    }
  }

  sluice::pg::load_report commit(const sluice::copy::segment& s, std::span<const sluice::copy::slot> part) {
    sluice::pg::load_report report;
    report.tries = 1;
    table_.batch_sizes.push_back(part.size());
    for (const auto& slot : part) {
      const std::string id = sluice::to_string(slot.message_id);
      const bool refused = slot.refusal_index >= 0;
      if (refused && table_.bad == sluice::pg::bad_messages::leave) {
        ++report.left;
        continue;
      }
      table_.source.committed.insert(id);
      if (is_known(id)) {
        ++report.duplicates;
        continue;
      }
      table_.taken.push_back(id);
      if (refused) {
        table_.set_aside[id] = s.refusal_of(slot).reason;
        ++report.set_aside;
      } else if (table_.by_event && !table_.events.insert(slot.event_id).second) {
        table_.repeats.insert(id);
        ++report.duplicates;
      } else {
        ++table_.rows[id];
        ++report.rows;
        if (table_.key_of) put(id, slot.sent_ms);
      }
    }
    return report;
  }

  void put(const std::string& id, std::int64_t sent_ms) {
    auto& row = table_.newest[table_.key_of(id)];
    if (sent_ms >= row.first) row = {sent_ms, id};
  }

  fake_table& table_;
  sluice::pipeline::load_size size_;
  sluice::pipeline::timer wait_;
  bool closed_ = false;
};

}  // namespace tests
