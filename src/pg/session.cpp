#include "pg/session.hpp"

namespace sluice::pg {

boost::asio::awaitable<result<>> prepare_session(connection& c) {
  auto done = co_await c.query(
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
      "'off'; "
      "SELECT set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', "
      "false), "
      "set_config('tcp_keepalives_count', '3', false)");
  if (done) co_return result<>{};
  co_return std::move(done.error().why).in("prepare the session");
}

}  // namespace sluice::pg
