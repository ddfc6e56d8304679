#include "support/sqs_server/server.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

namespace sluice::sqs_server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr seconds idle_max{300};
constexpr milliseconds tick_while_moving{100};
constexpr milliseconds tick_otherwise{1'000};

/// A session tells of no failure by exception: what comes here is our bug, and ends the program.
constexpr auto raise = [](std::exception_ptr e) {
  if (e) std::rethrow_exception(e);
};

}  // namespace

server::server(asio::io_context& io, service& answers)
    : io_(io), service_(answers), acceptor_(io), timer_(io) {}

void server::listen(const tcp::endpoint& at) {
  acceptor_.open(at.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address(true));
  acceptor_.bind(at);
  acceptor_.listen();
  asio::co_spawn(io_, accept(*this), raise);
  asio::co_spawn(io_, tick(*this), raise);
}

void server::stop() noexcept {
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  for (auto s = sessions_.begin(); s != sessions_.end();) (s++)->close();
}

instant server::now() noexcept {
  last_now_ = std::max(last_now_, std::chrono::floor<milliseconds>(std::chrono::system_clock::now()));
  return last_now_;
}

/// IMF-fixdate (RFC 9110), with the clock that signatures are checked by.
std::string_view server::http_date() {
  const auto clock = std::chrono::floor<seconds>(last_now_ + service_.faults().options().clock_offset);
  if (clock.time_since_epoch() != dated_) {
    dated_ = clock.time_since_epoch();
    date_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(dated_.count()));
  }
  return date_;
}

asio::awaitable<void> server::accept(server& self) {
  while (!self.stopped_) {
    auto [error, socket] = co_await self.acceptor_.async_accept(quietly);
    if (self.stopped_) break;
    if (error) {  // out of descriptors, or a peer that has gone already
      asio::steady_timer pause(self.io_, milliseconds(50));
      co_await pause.async_wait(quietly);
      continue;
    }
    auto s = std::make_shared<session>(std::move(socket), self);
    self.sessions_.push_back(*s);
    asio::co_spawn(self.io_, session::run(std::move(s)), raise);
  }
}

asio::awaitable<void> server::tick(server& self) {
  while (!self.stopped_) {
    const instant now = self.now();
    const bool moving = self.service_.queues().advance_moves(now);
    for (auto s = self.sessions_.begin(); s != self.sessions_.end();) {
      session& each = *s++;
      if (each.active() + idle_max < now) each.close();
    }
    self.timer_.expires_after(moving ? tick_while_moving : tick_otherwise);
    co_await self.timer_.async_wait(quietly);
  }
}

}  // namespace sluice::sqs_server
