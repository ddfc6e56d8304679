#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tests {

namespace asio = boost::asio;

/// What the server does with one request of a connection.
struct http_step {
  std::string reply = {};             ///< raw bytes; empty: nothing is answered
  bool close = false;                 ///< after that
  std::chrono::milliseconds drip{0};  ///< a pause after each byte
};

inline std::string http_reply(int status, std::string_view body, std::string_view headers = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Text\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

/// A server on a loopback port that plays its script: a list of steps for each connection, in the order in
/// which they come. A connection without steps left stays open and says nothing; one without a script is
/// closed at once.
///
/// Runs on the loop of the test. Keeps what it was sent, as raw text.
class http_script {
 public:
  using connection_script = std::vector<http_step>;

  http_script(asio::io_context& loop, std::vector<connection_script> script,
              asio::ssl::context* tls = nullptr)
      : acceptor_(loop, {asio::ip::address_v4::loopback(), 0}), script_(std::move(script)), tls_(tls) {
    asio::co_spawn(loop, accept(), [](const std::exception_ptr&) {});
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string url() const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
  }

  std::size_t connections = 0;
  std::size_t resumed = 0;  ///< TLS sessions of an earlier connection
  std::vector<std::string> requests;

 private:
  using tcp = asio::ip::tcp;

  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      if (connections == script_.size()) continue;
      auto steps = script_[connections++];
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket), std::move(steps)),
                     [](const std::exception_ptr&) {});
    }
  }

  asio::awaitable<void> serve(tcp::socket socket, connection_script steps) {
    if (tls_ == nullptr) {
      co_await play(socket, std::move(steps));
      co_return;
    }
    asio::ssl::stream<tcp::socket&> secure(socket, *tls_);
    co_await secure.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    if (SSL_session_reused(secure.native_handle()) == 1) ++resumed;
    co_await play(secure, std::move(steps));
  }

  template <class Stream>
  asio::awaitable<void> play(Stream& stream, connection_script steps) {
    std::string input;
    for (const http_step& step : steps) {
      co_await read_request(stream, input);
      if (step.drip.count() == 0) {
        co_await asio::async_write(stream, asio::buffer(step.reply), asio::use_awaitable);
      }
      for (std::size_t i = 0; step.drip.count() > 0 && i < step.reply.size(); ++i) {
        co_await asio::async_write(stream, asio::buffer(&step.reply[i], 1), asio::use_awaitable);
        asio::steady_timer pause(acceptor_.get_executor(), step.drip);
        co_await pause.async_wait(asio::use_awaitable);
      }
      if (step.close) co_return;
    }
    co_await read_request(stream, input);  // until the client goes
  }

  template <class Stream>
  asio::awaitable<void> read_request(Stream& stream, std::string& input) {
    const std::size_t head =
        co_await asio::async_read_until(stream, asio::dynamic_buffer(input), "\r\n\r\n", asio::use_awaitable);
    std::size_t body = 0;
    constexpr std::string_view name = "Content-Length: ";
    if (const auto at = input.find(name); at < head) {
      std::from_chars(input.data() + at + name.size(), input.data() + head, body);
    }
    if (const std::size_t whole = head + body; input.size() < whole) {
      co_await asio::async_read(stream, asio::dynamic_buffer(input),
                                asio::transfer_exactly(whole - input.size()), asio::use_awaitable);
    }
    requests.push_back(input.substr(0, head + body));
    input.erase(0, head + body);
  }

  tcp::acceptor acceptor_;
  std::vector<connection_script> script_;
  asio::ssl::context* tls_;
};

/// Runs `task` on `loop` to its end; the rest of the loop waits until the next call.
template <class T>
T run_on(asio::io_context& loop, asio::awaitable<T> task) {
  std::optional<T> value;
  std::exception_ptr broken;
  asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& e, T v) {
    broken = e;
    value = std::move(v);
    loop.stop();
  });
  loop.restart();
  loop.run();
  if (broken) std::rethrow_exception(broken);
  return std::move(*value);
}

}  // namespace tests
