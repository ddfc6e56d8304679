#include "pipeline/pg_sink.hpp"

#include <utility>

namespace sluice::pipeline {

pg_sink::pg_sink(boost::asio::any_io_executor executor, pg::connect_options o, const pg::load_plan& plan,
                 std::optional<mask::sealer> seal)
    : connection_(std::move(executor), std::move(o)), plan_(plan), seal_(std::move(seal)) {}

awaitable<result<pg::load_report>> pg_sink::load(copy::segment& s, bool outcome_unknown) {
  if (!connection_.connected()) {
    auto connected = co_await connection_.connect();
    if (!connected) co_return connected.error();
  }
  co_return co_await pg::load(connection_, plan_, s, seal_ ? &*seal_ : nullptr, outcome_unknown);
}

awaitable<result<>> pg_sink::probe() {
  if (!connection_.connected()) co_return co_await connection_.connect();
  auto answer = co_await connection_.query("SELECT 1");
  if (!answer) co_return answer.error().why;
  co_return result<>();
}

}  // namespace sluice::pipeline
