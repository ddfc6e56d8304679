#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <vector>

#include "core/failure.hpp"
#include "support/sqs_server/service.hpp"

namespace sluice::sqs_server {

class server;

/// `co_await` gives the error code with the result, and throws nothing.
inline constexpr auto quietly = boost::asio::as_tuple(boost::asio::use_awaitable);

/// One connection: reads requests, one after the other, waits where a long poll or a fault wants it, writes
/// replies.
///
/// Keeps itself alive while it runs. `close` ends it, from the loop's thread. In the server's list while it
/// lives.
class session final
    : public std::enable_shared_from_this<session>,
      public waiter,
      public boost::intrusive::list_base_hook<boost::intrusive::tag<session>,
                                              boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  session(boost::asio::ip::tcp::socket socket, server& owner);

  static boost::asio::awaitable<void> run(std::shared_ptr<session> self);
  void close() noexcept;
  instant active() const noexcept { return active_; }  ///< when it last read or wrote

 private:
  boost::asio::awaitable<bool> read_request();
  boost::asio::awaitable<bool> long_poll();
  boost::asio::awaitable<bool> write(std::string_view text);
  boost::asio::awaitable<bool> send_reply(bool keep_alive);
  void refuse(http_parser::status s);
  void watch_peer();
  void wake() noexcept override { timer_.cancel(); }
  void drop_request() noexcept;

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  server& server_;
  service& service_;
  bool local_;
  bool peer_watched_ = false;
  bool peer_gone_ = false;
  std::vector<char> buffer_;  // always with room for the JSON parser behind `end_`
  std::size_t end_ = 0;
  http_parser parser_;
  http_request request_;
  reply reply_;
  instant active_;
};

}  // namespace sluice::sqs_server
