#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "support/sqs_server/session.hpp"

namespace sluice::sqs_server {

/// Listens, and runs a session for each connection, on one thread.
///
/// `io` and `answers` outlive it. After `stop`, the sessions end and `io.run()` returns.
class server {
 public:
  server(boost::asio::io_context& io, service& answers);
  /// Throws boost::system::system_error.
  void listen(const boost::asio::ip::tcp::endpoint& at);
  boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
  void stop() noexcept;

  service& answers() noexcept { return service_; }
  instant now() noexcept;  ///< the system's time, but it never goes back
  std::string_view http_date();

 private:
  static boost::asio::awaitable<void> accept(server& self);
  static boost::asio::awaitable<void> tick(server& self);

  boost::asio::io_context& io_;
  service& service_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
  boost::intrusive::list<
      session,
      boost::intrusive::base_hook<boost::intrusive::list_base_hook<
          boost::intrusive::tag<session>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>>,
      boost::intrusive::constant_time_size<false>>
      sessions_;
  instant last_now_{};
  seconds dated_{-1};
  std::string date_;
};

}  // namespace sluice::sqs_server
