#include "pipeline/pg_sink.hpp"

#include <algorithm>
#include <utility>

#include "core/verdict.hpp"

namespace sluice::pipeline {

pg_sink::pg_sink(boost::asio::any_io_executor executor, pg::connect_options o, const pg::load_plan& plan,
                 std::optional<mask::sealer>& seal, std::unique_ptr<dead_letters> letters,
                 pg::load_history& history, bool in_order, observe::counters& counters)
    : connection_(std::move(executor), std::move(o)),
      plan_(plan),
      seal_(seal),
      letters_(std::move(letters)),
      history_(history),
      in_order_(in_order),
      counters_(counters) {
  if (!letters_) return;
  box_ = [this](const copy::segment& s, std::vector<std::size_t> messages) {
    return letters_->send(s, std::move(messages));
  };
}

pg_sink::~pg_sink() {
  count_connection(false);
}

void pg_sink::close() noexcept {
  connection_.close();
  if (letters_) letters_->close();
}

void pg_sink::count_connection(bool open) noexcept {
  if (open == counted_) return;
  counted_ = open;
  counters_.database_connections.add(open ? 1 : -1);
}

awaitable<result<>> pg_sink::connect() {
  if (connection_.connected()) co_return result<>();
  auto ready = co_await connection_.connect();
  if (!ready) connection_.close();
  count_connection(connection_.connected());
  co_return ready;
}

awaitable<result<pg::load_report>> pg_sink::load(copy::segment& s, bool outcome_unknown) {
  if (auto connected = co_await connect(); !connected) co_return connected.error();
  mask::sealer* const seal = seal_ ? &*seal_ : nullptr;
  const std::size_t first = s.first_open(), count = std::min(size_.messages_max(), s.open());
  const pg::load_options o{.box = &box_, .history = &history_, .part = {first, first + count}};
  auto report = co_await pg::load(connection_, plan_, s, seal, outcome_unknown, o);
  count_connection(connection_.connected());
  if (!report && is_too_slow(report.error())) co_return slow(s, count, report.error());
  if (!report) co_return report;
  size_.passed(count);
  s.commit(count);
  report->more = s.open() > 0;
  co_return report;
}

/// Too slow is an answer about size, not yet a failure.
result<pg::load_report> pg_sink::slow(copy::segment& s, std::size_t count, failure why) {
  if (!size_.split(s, count, in_order_)) return why;
  return pg::load_report{
      .first = s.first_open(), .count = 0, .more = s.open() > 0, .too_slow = std::move(why)};
}

awaitable<result<>> pg_sink::probe() {
  if (auto connected = co_await connect(); !connected) co_return connected.error();
  auto answer = co_await connection_.query("SELECT 1");
  if (!answer) co_return answer.error().why;
  size_.begin_small();
  co_return result<>();
}

}  // namespace sluice::pipeline
