#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/context.hpp"
#include "pg/catalogue.hpp"
#include "pg/upkeep.hpp"

namespace sluice::app {
namespace {

boost::asio::awaitable<result<int>> create(boost::asio::any_io_executor executor, const config& c) {
  pg::connection connection(executor, c.database);
  if (auto connected = co_await connection.connect(); !connected) co_return connected.error();
  if (auto made = co_await pg::init_db(connection, c.plan); !made) co_return made.error();
  const auto left = co_await pg::check_layout(connection);
  if (!left) co_return left.error();
  fmt::print("{} is ready: table {}, schema sluice (ledger, quarantine)\n", connection.options().where(),
             c.plan.table);
  for (const failure& f : *left) print_failure(f);
  co_return left->empty() ? exit_code::done : exit_code::failed;
}

}  // namespace

int init_db(const config& c, bool print_only) {
  if (print_only) {
    fmt::print("{}", pg::init_sql(c.plan));
    return exit_code::done;
  }
  return run_to_end([&](boost::asio::any_io_executor executor) { return create(std::move(executor), c); });
}

}  // namespace sluice::app
