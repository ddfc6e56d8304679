#include "observe/healthcheck.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <exception>

#include "http/deadline.hpp"

namespace sluice::observe {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string url(const tcp::endpoint& e) {
  const std::string host = e.address().to_string();
  return fmt::format("http://{}:{}/healthz", e.address().is_v6() ? "[" + host + "]" : host, e.port());
}

// The status of the answer.
asio::awaitable<boost::system::result<unsigned>> get(tcp::socket& socket, tcp::endpoint from) {
  const auto [refused] = co_await socket.async_connect(from, use_tuple);
  if (refused) co_return refused;
  http::request<http::empty_body> request(http::verb::get, "/healthz", 11);
  request.set(http::field::host, "localhost");
  request.keep_alive(false);
  const auto [unsent, sent] = co_await http::async_write(socket, request, use_tuple);
  if (unsent) co_return unsent;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(1024);
  const auto [unread, read] = co_await http::async_read(socket, buffer, parser, use_tuple);
  if (unread) co_return unread;
  co_return parser.get().result_int();
}

asio::awaitable<result<>> ask(tcp::endpoint from, std::chrono::milliseconds longest) {
  tcp::socket socket(co_await asio::this_coro::executor);
  const deadline limit(socket.get_executor(), longest, [&socket] {
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  const auto status = co_await get(socket, from);
  if (limit.expired()) {
    co_return failure{errc::timed_out,
                      fmt::format("{} gave no answer within {} ms", url(from), longest.count()),
                      "sluice hangs: restart it"};
  }
  if (!status) {
    co_return failure{status.error(), fmt::format("{}: {}", url(from), status.error().message()),
                      "is sluice running, with SLUICE_ADMIN set as here?"};
  }
  if (*status != 200) {
    co_return failure{http_status(*status), fmt::format("{} answered {}", url(from), *status)};
  }
  co_return result<>();
}

}  // namespace

result<> healthcheck(tcp::endpoint address, std::chrono::milliseconds longest) {
  if (address.address().is_unspecified()) {
    const bool v6 = address.address().is_v6();
    address.address(v6 ? asio::ip::address(asio::ip::address_v6::loopback())
                       : asio::ip::address(asio::ip::address_v4::loopback()));
  }
  asio::io_context loop(1);
  result<> outcome;
  std::exception_ptr broken;
  asio::co_spawn(loop, ask(address, longest), [&](std::exception_ptr e, result<> r) {
    broken = e;
    outcome = std::move(r);
  });
  loop.run();
  if (broken) std::rethrow_exception(broken);
  return outcome;
}

}  // namespace sluice::observe
