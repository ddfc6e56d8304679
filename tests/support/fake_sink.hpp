#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/verdict.hpp"
#include "pg/load_history.hpp"
#include "pipeline/load_size.hpp"
#include "pipeline/ports.hpp"
#include "support/fake_table.hpp"
#include "support/fake_transaction.hpp"

namespace tests {

/// A connection to a table in memory: what pipeline::pg_sink is to PostgreSQL.
///
/// It has no session. What a session keeps between transactions, and a pooler gives to another, is SQL's
/// (settings, temporary tables, names), and above this port nothing of it is left to be seen. A session made
/// up here would test itself: that nothing rests on one is tested through PgBouncer.
class fake_sink final : public sluice::pipeline::sink {
 public:
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  /// `history` is that of the loop.
  fake_sink(fake_table& t, const boost::asio::any_io_executor& executor,
            std::shared_ptr<sluice::pg::load_history> history = nullptr)
      : table_(t),
        wait_(executor),
        history_(history ? std::move(history) : std::make_shared<sluice::pg::load_history>()) {}

  awaitable<sluice::result<sluice::pg::load_report>> load(sluice::copy::segment& s,
                                                          bool outcome_unknown) override {
    table_.unknowns.push_back(outcome_unknown);
    const auto trouble = table_.next_trouble ? table_.next_trouble() : std::nullopt;
    const std::chrono::milliseconds takes = table_.delay ? table_.delay() : table_.commit_time;
    if (!co_await pause(takes)) co_return sluice::failure(sluice::errc::cancelled, "closed");
    const bool with_row =
        std::ranges::any_of(s.slots(), [](const auto& slot) { return slot.refusal_index < 0; });
    if (table_.takes_no_rows && with_row) co_return *table_.takes_no_rows;
    const std::size_t first = s.first_open(), count = std::min(size_.messages_max(), s.open());
    auto report = transact(s, {first, first + count}, trouble);
    if (!report && sluice::is_too_slow(report.error())) co_return slow(s, count, report.error());
    if (!report) co_return report;
    size_.passed(count);
    s.commit(count);
    report->more = s.open() > 0;
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

  sluice::result<sluice::pg::load_report> transact(sluice::copy::segment& s, sluice::pg::segment_part part,
                                                   const std::optional<fake_table::trouble>& trouble) {
    const auto rows = s.slots().subspan(part.first, part.last - part.first);
    if (has(rows, table_.is_slow)) return sluice::failure(sluice::errc::timed_out, "slow");
    if (has(rows, table_.is_locked)) return sluice::failure(sluice::sqlstate("55P03"), "locked");
    fake_transaction one(table_, s, *history_, part);
    const auto found = one.find_refused();
    if (found) one.send_letters();
    if (!found || (trouble && trouble->at == fake_table::when::before_commit)) {
      one.roll_back();
      return found ? trouble->what : found.error();
    }
    auto report = one.commit();
    if (!trouble) return report;
    one.roll_back();
    return trouble->what;
  }

  static bool has(std::span<const sluice::copy::slot> part,
                  const std::function<bool(const std::string& id)>& of_row) {
    return of_row && std::ranges::any_of(
                         part, [&](const auto& slot) { return of_row(sluice::to_string(slot.message_id)); });
  }

  sluice::result<sluice::pg::load_report> slow(sluice::copy::segment& s, std::size_t count,
                                               sluice::failure why) {
    if (!size_.split(s, count, table_.in_order)) return why;
    return sluice::pg::load_report{
        .first = s.first_open(), .count = 0, .more = s.open() > 0, .too_slow = std::move(why)};
  }

  fake_table& table_;
  sluice::pipeline::load_size size_;
  sluice::pipeline::timer wait_;
  std::shared_ptr<sluice::pg::load_history> history_;
  bool closed_ = false;
};

}  // namespace tests
