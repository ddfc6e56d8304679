#include "http/tls.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "core/verdict.hpp"
#include "http/client.hpp"
#include "support/certificate.hpp"
#include "support/http_script.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using tests::certificate;
using tests::http_reply;
using tests::http_step;
using tests::make_certificate;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
namespace ssl = boost::asio::ssl;

ssl::context server_context(const certificate& c) {
  ssl::context context(ssl::context::tls_server);
  context.use_certificate_chain(boost::asio::buffer(c.pem));
  context.use_private_key(boost::asio::buffer(c.key_pem), ssl::context::pem);
  return context;
}

asio::awaitable<std::string> body_or_failure(http::client& c) {
  const http::request r{.body = "{}"};
  auto answer = co_await c.send(r, 5s);
  if (answer) co_return std::string(answer->body);
  co_return answer.error().code.message() + ": " + answer.error().line();
}

// What a client that trusts `ca_bundle` (empty: the system) gets from a server with this certificate.
std::string ask(const certificate& c, const std::string& ca_bundle, const std::string& host = "127.0.0.1") {
  boost::asio::io_context loop;
  ssl::context tls = server_context(c);
  tests::http_script server(loop, {{{http_reply(200, "one")}, {http_reply(200, "two")}}}, &tls);
  http::client client(loop.get_executor(),
                      http::parse_endpoint("https://" + host + ":" + std::to_string(server.port())).value(),
                      {}, http::make_tls_context(ca_bundle).value());
  std::string first = tests::run_on(loop, body_or_failure(client));
  if (first != "one") return first;
  return first + ' ' + tests::run_on(loop, body_or_failure(client)) + ' ' +
         std::to_string(server.connections);
}

enum class farewell { none, reset, alert };

/// Takes the client's hello, and leaves.
asio::awaitable<void> hang_up(tcp::acceptor& acceptor, farewell how) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  std::array<char, 16> hello{};
  co_await socket.async_read_some(asio::buffer(hello), asio::use_awaitable);
  if (how == farewell::alert) {  // a fatal internal_error (RFC 8446, section 6)
    const std::array<unsigned char, 7> alert = {21, 3, 3, 0, 2, 2, 80};
    co_await asio::async_write(socket, asio::buffer(alert), asio::use_awaitable);
  }
  if (how == farewell::reset) {
    socket.set_option(asio::socket_base::linger(true, 0));
  } else {
    socket.shutdown(tcp::socket::shutdown_send);
    std::string rest;
    error_code end;
    co_await asio::async_read(socket, asio::dynamic_buffer(rest),
                              asio::redirect_error(asio::use_awaitable, end));
  }
}

asio::awaitable<void> greet_in_the_clear(tcp::acceptor& acceptor) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  const std::string greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(greeting), asio::use_awaitable);
  std::string input;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(input), "never", asio::use_awaitable);
}

http::client client_of(boost::asio::io_context& loop, std::uint16_t port, http::options o) {
  return {loop.get_executor(), http::parse_endpoint("https://127.0.0.1:" + std::to_string(port)).value(), o,
          http::make_tls_context("").value()};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a self-signed certificate is refused") {
  const std::string said = ask(make_certificate(), "");
  CHECK(has(said, "TLS refused"));
  CHECK(has(said, "self-signed certificate"));
  CHECK(has(said, "AWS_CA_BUNDLE"));
}

TEST_CASE("a certificate of the CA bundle is accepted, and the connection kept") {
  const certificate c = make_certificate();
  const tests::text_file bundle(c.pem);
  CHECK(ask(c, bundle.path()) == "one two 1");
  CHECK(ask(c, bundle.path(), "localhost") == "one two 1");
}

TEST_CASE(
    "answers under TLS may be of many records, or of many small ones, and none is taken that is cut off") {
  const certificate c = make_certificate();
  const tests::text_file bundle(c.pem);
  boost::asio::io_context loop;
  ssl::context tls = server_context(c);
  const std::string large(300'000, 'x');
  tests::http_script server(loop,
                            {{{http_reply(200, large)},
                              {.reply = http_reply(200, std::string(100, 'y')), .drip = 1ms},
                              {.reply = "HTTP/1.1 200 OK\r\n\r\n" + large, .close = true}}},
                            &tls);
  http::client client(loop.get_executor(),
                      http::parse_endpoint("https://127.0.0.1:" + std::to_string(server.port())).value(), {},
                      http::make_tls_context(bundle.path()).value());
  CHECK(tests::run_on(loop, body_or_failure(client)) == large);
  CHECK(tests::run_on(loop, body_or_failure(client)) == std::string(100, 'y'));
  CHECK(has(tests::run_on(loop, body_or_failure(client)), "in the middle of its answer"));
  CHECK(server.connections == 1);
}

TEST_CASE("a second connection resumes the TLS session of the first") {
  const certificate c = make_certificate();
  const tests::text_file bundle(c.pem);
  boost::asio::io_context loop;
  ssl::context tls = server_context(c);
  const std::string id = "tests";
  SSL_CTX_set_session_id_context(tls.native_handle(), reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  if (GENERATE(false, true)) SSL_CTX_set_max_proto_version(tls.native_handle(), TLS1_2_VERSION);
  const http_step one{.reply = http_reply(200, "one"), .close = true};
  tests::http_script server(loop, {{one}, {one}, {one}}, &tls);
  const auto context = http::make_tls_context(bundle.path()).value();
  const auto ask_again = [&](const std::string& host) {
    const auto to = http::parse_endpoint("https://" + host + ":" + std::to_string(server.port())).value();
    http::client client(loop.get_executor(), to, {}, context);
    return tests::run_on(loop, body_or_failure(client));
  };

  CHECK(ask_again("localhost") == "one");
  CHECK(server.resumed == 0);
  CHECK(ask_again("localhost") == "one");
  CHECK(server.resumed == 1);
  CHECK(ask_again("127.0.0.1") == "one");  // proves itself anew
  CHECK(server.resumed == 1);
}

TEST_CASE("a certificate for another host is refused") {
  const certificate c = make_certificate({.names = "DNS:other.example,IP:127.0.0.2"});
  const tests::text_file bundle(c.pem);
  CHECK(has(ask(c, bundle.path()), "IP address mismatch"));
  CHECK(has(ask(c, bundle.path(), "localhost"), "hostname mismatch"));
}

TEST_CASE("a host that OpenSSL cannot compare with a certificate is refused, not left uncompared") {
  const certificate c = make_certificate();
  const tests::text_file bundle(c.pem);
  boost::asio::io_context loop;
  ssl::context tls = server_context(c);
  tests::http_script server(loop, {{{http_reply(200, "one")}}}, &tls);
  http::endpoint to = http::parse_endpoint("https://127.0.0.1:" + std::to_string(server.port())).value();
  to.host = "::ffff:127.0.0.1%lo";  // an address to Asio, none to OpenSSL
  http::client client(loop.get_executor(), to, {}, http::make_tls_context(bundle.path()).value());
  CHECK(has(tests::run_on(loop, body_or_failure(client)), "cannot be compared with it"));
}

TEST_CASE("an expired certificate is refused") {
  const certificate c = make_certificate({.valid_from_seconds = -7200, .valid_until_seconds = -3600});
  const tests::text_file bundle(c.pem);
  CHECK(has(ask(c, bundle.path()), "certificate has expired"));
}

TEST_CASE("a certificate of tomorrow is refused") {
  const certificate c = make_certificate({.valid_from_seconds = 3600, .valid_until_seconds = 7200});
  const tests::text_file bundle(c.pem);
  CHECK(has(ask(c, bundle.path()), "not yet valid"));
}

TEST_CASE("a server that does not speak TLS is recognised") {
  boost::asio::io_context loop;
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  asio::co_spawn(loop, greet_in_the_clear(acceptor), [](const std::exception_ptr&) {});
  auto client = client_of(loop, acceptor.local_endpoint().port(), {});
  CHECK(has(tests::run_on(loop, body_or_failure(client)), "does not speak TLS"));
}

TEST_CASE("a handshake that the server does not answer ends") {
  boost::asio::io_context loop;
  const tcp::acceptor silent(loop, {asio::ip::address_v4::loopback(), 0});
  auto client = client_of(loop, silent.local_endpoint().port(), {.connect_timeout = 100ms});
  SECTION("at its deadline") {
    CHECK(has(tests::run_on(loop, body_or_failure(client)), "no answer within 100 ms"));
  }
  SECTION("when it is closed from outside") {
    boost::asio::steady_timer soon(loop, 20ms);
    soon.async_wait([&](const error_code&) { client.close(); });
    CHECK(has(tests::run_on(loop, body_or_failure(client)), "cancelled"));
  }
}

TEST_CASE("a handshake that the server breaks off is the link's fault: it may pass") {
  const auto how = GENERATE(farewell::none, farewell::reset, farewell::alert);
  boost::asio::io_context loop;
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  asio::co_spawn(loop, hang_up(acceptor, how), [](const std::exception_ptr&) {});
  http::client client = client_of(loop, acceptor.local_endpoint().port(), {});
  const auto answer = tests::run_on(loop, client.send({.body = "{}"}, 5s));
  REQUIRE(!answer);
  INFO(answer.error().line());
  CHECK(classify(answer.error()) == verdict::reconnect);
}

TEST_CASE("a CA bundle that cannot be read is refused") {
  const auto context = http::make_tls_context("/nonexistent/ca.pem");
  REQUIRE(!context);
  CHECK(context.error().code == errc::bad_configuration);
  CHECK(has(context.error().line(), "/nonexistent/ca.pem"));
}
