#include "support/sqs_server/session.hpp"

#include <simdjson.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <cstring>

#include "support/sqs_server/server.hpp"

namespace sluice::sqs_server {

namespace asio = boost::asio;

namespace {

constexpr std::size_t buffer_bytes_first = 16 * 1024;
constexpr std::size_t padding = simdjson::SIMDJSON_PADDING;

}  // namespace

session::session(asio::ip::tcp::socket socket, server& owner)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      server_(owner),
      service_(owner.answers()),
      buffer_(buffer_bytes_first + padding),
      active_(owner.now()) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);  // watch_peer looks when the next request may have been read already
  const auto peer = socket_.remote_endpoint(ignored);
  local_ = !ignored && peer.address().is_loopback();
}

void session::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
  peer_gone_ = true;
  timer_.cancel();
}

asio::awaitable<void> session::run(std::shared_ptr<session> self) {
  session& s = *self;
  for (;;) {
    if (!co_await s.read_request()) break;
    const instant now = s.server_.now();
    s.active_ = now;
    s.service_.handle(s.request_, s.local_, now, s.reply_);
    if (s.reply_.waiting && !co_await s.long_poll()) break;
    const bool keep_alive = s.request_.keep_alive;
    if (!co_await s.send_reply(keep_alive) || !keep_alive) break;
    s.drop_request();
  }
  s.close();
}

asio::awaitable<bool> session::read_request() {
  for (bool told_to_continue = false;;) {
    const auto status = parser_.parse({buffer_.data(), end_}, request_);
    if (status == http_parser::status::done) co_return true;
    if (status != http_parser::status::need_more) {
      refuse(status);
      co_await send_reply(false);
      co_return false;
    }
    if (parser_.expects_continue() && !told_to_continue) {
      told_to_continue = true;
      if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
    }
    if (buffer_.size() - padding <= std::max(end_, parser_.needed())) {
      buffer_.resize(std::max(2 * buffer_.size(), parser_.needed() + padding + 1));
    }
    const auto room = asio::buffer(buffer_.data() + end_, buffer_.size() - padding - end_);
    const auto [error, size] = co_await socket_.async_read_some(room, quietly);
    if (error) co_return false;
    end_ += size;
    active_ = server_.now();
  }
}

void session::drop_request() noexcept {
  const std::size_t used = parser_.needed();
  std::memmove(buffer_.data(), buffer_.data() + used, end_ - used);
  end_ -= used;
  parser_.reset();
}

void session::refuse(http_parser::status s) {
  reply_.clear();
  reply_.content_type = "text/plain";
  reply_.status = s == http_parser::status::too_large         ? 413
                  : s == http_parser::status::length_required ? 411
                                                              : 400;
}

/// False if the connection ended meanwhile: then nothing was taken from the queue for it.
asio::awaitable<bool> session::long_poll() {
  const receive_call wanted = *reply_.waiting;
  watch_peer();
  for (;;) {
    queue* const q = service_.queues().find(wanted.queue_name);
    if (peer_gone_) {
      if (q != nullptr) q->wake_one();
      co_return false;
    }
    const instant now = server_.now();
    if (service_.resume(wanted, now, reply_)) co_return true;
    const auto due = q->next_due().value_or(wanted.deadline);
    timer_.expires_after(std::max(std::min(due, wanted.deadline) - now, milliseconds(1)));
    q->wait(*this);
    co_await timer_.async_wait(quietly);
    waiter::unlink();
  }
}

/// A peer that closes while it waits must not be given messages that nobody would see. What it sends
/// meanwhile stays in the socket.
void session::watch_peer() {
  if (peer_watched_) return;
  peer_watched_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
    self->peer_watched_ = false;
    char byte = 0;
    if (!error) self->socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
    if (!error || error == asio::error::would_block) return;
    self->peer_gone_ = true;
    self->timer_.cancel();
  });
}

asio::awaitable<bool> session::send_reply(bool keep_alive) {
  if (reply_.faults.latency > milliseconds(0)) {
    timer_.expires_after(reply_.faults.latency);
    co_await timer_.async_wait(quietly);
  }
  std::string_view text = reply_.finish(service_.next_request_id(), server_.http_date(), keep_alive);
  service_.count_bytes(parser_.needed(), text.size());
  if (!reply_.faults.cut_after) co_return co_await write(text);
  co_await write(text.substr(0, *reply_.faults.cut_after));
  co_return false;
}

asio::awaitable<bool> session::write(std::string_view text) {
  const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(text), quietly);
  active_ = server_.now();
  co_return !error;
}

}  // namespace sluice::sqs_server
