#include "pg/session.hpp"

#include <fmt/format.h>

#include <chrono>

namespace sluice::pg {

boost::asio::awaitable<result<>> prepare_session(connection& c) {
  const auto lock_ms = std::chrono::milliseconds(c.options().statement_timeout).count() * 3 / 4;
  auto done = co_await c.query(fmt::format(
      "SELECT set_config('lock_timeout', '{}', false) WHERE current_setting('lock_timeout') = '0'; "
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
      "'off'; "
      "SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', "
      "false), "
      "set_config('tcp_keepalives_count', '3', false)",
      lock_ms));
  // PostgreSQL 13 has no such setting, and not every system that it runs on can do it.
  if (done) {
    done = co_await c.query(
        "SELECT set_config(name, '10000', false) FROM pg_settings "
        "WHERE name = 'client_connection_check_interval' AND setting = '0'");
    if (done || c.connected()) co_return result<>{};
  }
  co_return std::move(done.error().why).in("prepare the session");
}

}  // namespace sluice::pg
