#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/byte_budget.hpp"
#include "http/client.hpp"
#include "support/http_script.hpp"

using namespace sluice;
using namespace sluice::http;
using namespace std::chrono_literals;
using tests::http_reply;
using tests::http_script;

namespace {

namespace asio = boost::asio;

struct answer_seen {
  error_code code;
  std::string body;
};

asio::awaitable<answer_seen> ask_for(client& c, request r, std::chrono::milliseconds timeout) {
  const auto answer = co_await c.send(r, timeout);
  if (!answer) co_return answer_seen{answer.error().code, {}};
  co_return answer_seen{{}, std::string(answer->body)};
}

/// A client that needs memory, of which another one has 60 bytes of 100.
struct memory_fixture {
  explicit memory_fixture(std::vector<http_script::connection_script> script)
      : server(loop, std::move(script)),
        c(loop.get_executor(), parse_endpoint(server.url()).value(), {}, {}) {}

  answer_seen send(std::chrono::milliseconds timeout = 5s, std::chrono::milliseconds memory_wait = 5s) {
    return tests::run_on(loop,
                         ask_for(c, {.body = "{}", .memory = &budget, .memory_wait = memory_wait}, timeout));
  }
  template <class Act>
  void after(std::chrono::milliseconds time, Act act) {
    timer.expires_after(time);
    timer.async_wait([act](const error_code&) { act(); });
  }

  asio::io_context loop;
  asio::steady_timer timer{loop};
  byte_budget budget{100};
  std::optional<byte_budget::claim> other{std::in_place, budget, 60};
  http_script server;
  client c;
};

std::string chunked(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("a body that there is memory for has it until it is released, or the next is asked for") {
  memory_fixture f(
      {{{http_reply(200, std::string(40, 'x'))}, {http_reply(200, "four")}, {http_reply(200, "next")}}});
  CHECK(f.send().body == std::string(40, 'x'));
  CHECK(f.c.waited() == 0s);
  CHECK(f.budget.used() == 100);
  CHECK(f.send().body == "four");
  CHECK(f.budget.used() == 64);
  f.c.release();
  CHECK(f.budget.used() == 60);
  CHECK(tests::run_on(f.loop, ask_for(f.c, {.body = "{}"}, 5s)).body == "next");
  CHECK(f.budget.used() == 60);
}

TEST_CASE("a body that there is no memory for waits until there is, whatever else it takes") {
  const std::string large(1'000'000, 'x');
  memory_fixture f({{{http_reply(200, large)}, {http_reply(200, "next")}}});
  f.after(1s, [&] { f.other.reset(); });
  CHECK(f.send(800ms).body == large);  // the time for the answer is its own
  CHECK(f.c.waited() >= 800ms);
  CHECK(f.budget.used() == 100);
  f.c.drop_body();
  CHECK(f.budget.used() == 100);  // copies of it may still be there
  CHECK(f.send().body == "next");
  CHECK(f.c.waited() == 0s);
  CHECK(f.server.connections == 1);
}

TEST_CASE("a body whose turn does not come in time is not read, and its connection is closed") {
  memory_fixture f({{{http_reply(200, std::string(50, 'x'))}}, {{http_reply(200, "next")}}});
  CHECK(f.send(5s, 20ms).code == no_memory());
  CHECK(f.c.waited() >= 20ms);
  CHECK(f.budget.used() == 60);
  CHECK_FALSE(f.budget.has_waiting());
  CHECK(f.send().body == "next");
  CHECK(f.server.connections == 2);
}

TEST_CASE("close ends a wait for memory") {
  memory_fixture f({{{http_reply(200, std::string(50, 'x'))}}});
  f.after(100ms, [&] { f.c.close(); });
  CHECK(f.send().code == errc::cancelled);
  CHECK_FALSE(f.budget.has_waiting());
}

TEST_CASE("a body of unknown length waits for all of the memory, and keeps what it was") {
  memory_fixture f({{{chunked("4\r\nabcd\r\n3\r\nefg\r\n")}, {chunked("")}}});
  f.after(100ms, [&] { f.other.reset(); });
  CHECK(f.send().body == "abcdefg");
  CHECK(f.c.waited() > 0s);
  CHECK(f.budget.used() == 7);
  CHECK(f.send().body.empty());
  CHECK(f.budget.used() == 0);
}

TEST_CASE("an answer without a body needs no memory") {
  memory_fixture f({{{"HTTP/1.1 204 No Content\r\n\r\n"}, {http_reply(200, "")}}});
  CHECK(f.send(5s, 0ms).code == error_code());
  CHECK(f.send(5s, 0ms).code == error_code());
  CHECK(f.budget.used() == 60);
}

TEST_CASE("what is lost in the middle has no memory any more") {
  memory_fixture f({{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nabc", .close = true}}});
  CHECK(f.send().code == errc::connection_closed);
  CHECK(f.budget.used() == 60);
}
