#include "pipeline/pg_sink.hpp"

#include <utility>

namespace sluice::pipeline {

pg_sink::pg_sink(boost::asio::any_io_executor executor, pg::connect_options o, const pg::load_plan& plan,
                 std::optional<mask::sealer>& seal, std::unique_ptr<dead_letters> letters,
                 observe::counters& counters)
    : connection_(std::move(executor), std::move(o)),
      plan_(plan),
      seal_(seal),
      letters_(std::move(letters)),
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
  auto report = co_await pg::load(connection_, plan_, s, seal, outcome_unknown, &box_);
  count_connection(connection_.connected());
  co_return report;
}

awaitable<result<>> pg_sink::probe() {
  if (auto connected = co_await connect(); !connected) co_return connected.error();
  auto answer = co_await connection_.query("SELECT 1");
  if (!answer) co_return answer.error().why;
  co_return result<>();
}

}  // namespace sluice::pipeline
