#include "observe/admin_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

#include "http/deadline.hpp"
#include "observe/site.hpp"
#include "observe/status_page.hpp"

namespace sluice::observe {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;
template <class T>
using awaitable = asio::awaitable<T>;

constexpr std::size_t rest_bytes_max = 64 * 1024;  // read and dropped after the answer

std::string_view text(boost::beast::string_view v) {
  return {v.data(), v.size()};
}

http::response<http::string_body> in_http(site::answer a, const std::string& policy) {
  http::response<http::string_body> r(http::int_to_status(a.status), 11);
  r.set(http::field::content_type, boost::beast::string_view(a.type.data(), a.type.size()));
  r.set(http::field::cache_control, "no-store");
  r.set("X-Content-Type-Options", "nosniff");
  r.set("Referrer-Policy", "no-referrer");
  r.set("Cross-Origin-Resource-Policy", "same-origin");
  if (a.is_page) r.set("Content-Security-Policy", policy);
  if (a.status == 405) r.set(http::field::allow, "GET, HEAD");
  r.keep_alive(false);
  r.body() = std::move(a.body);
  r.prepare_payload();
  return r;
}

// What to say to a request that cannot be read; nothing if nobody listens any more.
std::optional<site::answer> refusal(const boost::system::error_code& e) {
  if (e == http::error::header_limit || e == http::error::buffer_overflow)
    return site::answer{.status = 431, .body = "the request is too large\n"};
  const bool is_http = e.category() == make_error_code(http::error::bad_target).category();
  if (!is_http || e == http::error::end_of_stream || e == http::error::partial_message) return std::nullopt;
  return site::answer{.status = 400, .body = "this is not HTTP\n"};
}

}  // namespace

result<tcp::endpoint> parse_listen_address(std::string_view text) {
  const auto refused = [&] {
    return failure{errc::bad_configuration, fmt::format("'{}' is not an address to listen on", text),
                   "give an address and a port, such as 127.0.0.1:9464, [::1]:9464 or 0.0.0.0:9464"};
  };
  const auto colon = text.rfind(':');
  if (colon == text.npos) return refused();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(
      host == "localhost" ? std::string("127.0.0.1") : std::string(host), not_an_address);
  const bool brackets = text.starts_with('[');
  if (error != std::errc() || end != digits.data() + digits.size() || not_an_address ||
      address.is_v6() != brackets) {
    return refused();
  }
  return tcp::endpoint(address, port);
}

struct admin_server::impl {
  impl(asio::any_io_executor e, options o, state s)
      : executor(std::move(e)),
        limits(std::move(o)),
        pages(std::move(s), limits.hosts),
        acceptor(executor),
        changed(executor),
        second(executor) {}

  template <class Task>
  void spawn(Task task) {
    ++alive;
    asio::co_spawn(executor, std::move(task), [this](std::exception_ptr e) {
      --alive;
      if (e) {
        broken = e;
        close();
      }
      changed.cancel();
    });
  }
  // Until something has changed, or `longest` has passed.
  awaitable<void> wait(std::chrono::milliseconds longest) {
    changed.expires_after(longest);
    co_await changed.async_wait(use_tuple);
  }
  awaitable<void> accept();
  awaitable<void> serve(tcp::socket socket);
  awaitable<void> talk(tcp::socket& socket);
  awaitable<void> sample();
  void close() noexcept;

  asio::any_io_executor executor;
  options limits;
  site pages;
  std::string policy = content_policy(status_page);
  tcp::acceptor acceptor;
  asio::steady_timer changed;         ///< a task has ended, or all are to end
  asio::steady_timer second;          ///< until the next sample
  std::vector<tcp::socket*> sockets;  ///< open
  std::size_t alive = 0;              ///< tasks
  bool closed = false;
  std::exception_ptr broken;
};

void admin_server::impl::close() noexcept {
  closed = true;
  boost::system::error_code ignored;
  acceptor.close(ignored);
  for (tcp::socket* s : sockets) s->close(ignored);
  changed.cancel();
  second.cancel();
}

awaitable<void> admin_server::impl::accept() {
  while (!closed) {
    tcp::socket socket(executor);
    const auto [error] = co_await acceptor.async_accept(socket, use_tuple);
    if (closed) break;
    if (error) {
      co_await wait(100ms);  // out of descriptors, or a client that left at once
      continue;
    }
    // The one that has been here longest makes room: a crowd that says nothing does not keep a health check
    // out.
    while (sockets.size() >= limits.connections_max && !closed) {
      boost::system::error_code ignored;
      sockets.front()->close(ignored);
      co_await wait(1s);
    }
    if (closed) break;
    spawn(serve(std::move(socket)));
  }
}

awaitable<void> admin_server::impl::serve(tcp::socket socket) {
  sockets.push_back(&socket);
  {
    const deadline limit(executor, limits.request_max, [&socket] {
      boost::system::error_code ignored;
      socket.close(ignored);
    });
    co_await talk(socket);
  }
  std::erase(sockets, &socket);
}

awaitable<void> admin_server::impl::talk(tcp::socket& socket) {
  boost::beast::flat_buffer buffer(2 * limits.header_bytes_max);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
  const auto [unread, bytes] = co_await http::async_read_header(socket, buffer, parser, use_tuple);
  std::optional<site::answer> answer = refusal(unread);
  if (unread && !answer) co_return;  // it left, or took too long
  const auto& request = parser.get();
  if (!answer && (parser.chunked() || parser.content_length().value_or(0) > 0)) {
    answer = site::answer{.status = 413, .body = "a request has no body here\n"};
  }
  if (!answer && request.count(http::field::host) != 1) {  // RFC 9112, 3.2
    answer = site::answer{.status = 400, .body = "a request has one Host\n"};
  }
  if (!answer) {
    answer = pages.get({.method = text(request.method_string()),
                        .target = text(request.target()),
                        .host = text(request[http::field::host])},
                       std::chrono::steady_clock::now(), std::chrono::system_clock::now());
  }
  const auto response = in_http(*std::move(answer), policy);
  http::response_serializer<http::string_body> out(response);
  boost::system::error_code error;
  if (request.method() == http::verb::head) {
    const auto [unsent, sent] = co_await http::async_write_header(socket, out, use_tuple);
    error = unsent;
  } else {
    const auto [unsent, sent] = co_await http::async_write(socket, out, use_tuple);
    error = unsent;
  }
  // What the client still sends would make the kernel reset the connection, and the answer with it. One that
  // does not stop is cut off.
  if (!error) socket.shutdown(tcp::socket::shutdown_send, error);
  std::array<char, 1024> rest{};
  for (std::size_t left = rest_bytes_max; !error && left > 0;) {
    const auto [ended, more] = co_await socket.async_read_some(asio::buffer(rest), use_tuple);
    error = ended;
    left -= std::min(left, more);
  }
}

awaitable<void> admin_server::impl::sample() {
  while (!closed) {
    const auto now = std::chrono::steady_clock::now();
    pages.sample(now);
    second.expires_at(now + 1s);
    co_await second.async_wait(use_tuple);
  }
}

admin_server::admin_server(asio::any_io_executor executor, options o, state s)
    : impl_(std::make_unique<impl>(std::move(executor), std::move(o), std::move(s))) {}
admin_server::~admin_server() = default;

result<tcp::endpoint> admin_server::open() {
  auto& acceptor = impl_->acceptor;
  const auto& at = impl_->limits.listen;
  boost::system::error_code error;
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    acceptor.close();
    return failure{
        error,
        fmt::format("cannot listen on {}:{}: {}", at.address().to_string(), at.port(), error.message()),
        "free the address, or give another with SLUICE_ADMIN"};
  }
  return acceptor.local_endpoint();
}

awaitable<void> admin_server::run() {
  impl& i = *impl_;
  i.spawn(i.sample());
  co_await i.accept();
  while (i.alive > 0) co_await i.wait(1s);
  if (i.broken) std::rethrow_exception(i.broken);
}

void admin_server::close() noexcept {
  impl_->close();
}

}  // namespace sluice::observe
