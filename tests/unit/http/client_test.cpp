#include "http/client.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict.hpp"
#include "support/http_script.hpp"

using namespace sluice;
using namespace sluice::http;
using namespace std::chrono_literals;
using tests::http_reply;
using tests::http_script;

namespace {

namespace asio = boost::asio;

// What a test looks at, owned: the views die with the next call.
struct seen {
  error_code code;
  std::string what;
  unsigned status = 0;
  std::string body, error_type, query_error, date, content_type;
  bool padded = false;
};

asio::awaitable<seen> ask(client& c, request r, std::chrono::milliseconds timeout) {
  auto answer = co_await c.send(r, timeout);
  seen s;
  if (!answer) {
    s.code = answer.error().code;
    s.what = answer.error().line();
    co_return s;
  }
  s.status = answer->status;
  s.body = answer->body;
  s.error_type = answer->error_type;
  s.query_error = answer->query_error;
  s.date = answer->date;
  s.content_type = answer->content_type;
  const char* const end = answer->body.data() + answer->body.size();
  s.padded = std::string_view(end, response::body_padding) == std::string(response::body_padding, '\0');
  co_return s;
}

// While it lives this process may open no further file.
struct no_more_files {
  no_more_files() {
    getrlimit(RLIMIT_NOFILE, &before);
    const int next = fcntl(STDIN_FILENO, F_DUPFD, 0);
    close(next);
    rlimit now = before;
    now.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &now);
  }
  no_more_files(const no_more_files&) = delete;
  no_more_files& operator=(const no_more_files&) = delete;
  ~no_more_files() { setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

struct fixture {
  explicit fixture(std::vector<http_script::connection_script> script, options o = {})
      : server(loop, std::move(script)),
        c(loop.get_executor(), parse_endpoint(server.url()).value(), o, nullptr) {}

  seen send(const request& r = {.body = "{}"}, std::chrono::milliseconds timeout = 5s) {
    return tests::run_on(loop, ask(c, r, timeout));
  }

  boost::asio::io_context loop;
  http_script server;
  client c;
};

}  // namespace

TEST_CASE("a request goes out whole, with its headers") {
  fixture f({{{http_reply(200, "ok")}}});
  const header headers[] = {{"X-Amz-Target", "AmazonSQS.ReceiveMessage"}, {"X-Amz-Date", "now"}};
  const seen s = f.send({.target = "/q?x=1", .headers = headers, .body = "{\"a\":1}"});
  CHECK(s.status == 200);
  CHECK(s.body == "ok");
  CHECK(s.padded);
  REQUIRE(f.server.requests.size() == 1);
  CHECK(f.server.requests[0] == "POST /q?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(f.server.port()) +
                                    "\r\nContent-Length: 7\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
                                    "X-Amz-Date: now\r\n\r\n{\"a\":1}");
}

TEST_CASE("one connection serves many requests") {
  fixture f({{{http_reply(200, "one")},
              {http_reply(200, "")},
              {http_reply(200, std::string(3'000'000, 'x'))},
              {http_reply(200, "four")}}});
  CHECK(f.send().body == "one");
  const seen empty = f.send();
  CHECK(empty.body.empty());
  CHECK(empty.padded);
  const seen large = f.send({.body = std::string_view("{}")});
  CHECK(large.body == std::string(3'000'000, 'x'));
  CHECK(large.padded);
  CHECK(f.send().body == "four");
  CHECK(f.server.connections == 1);
}

TEST_CASE("the four headers are found, in any case of letters") {
  fixture f({{{http_reply(400, "{}",
                          "X-AMZN-ErrorType: com.amazonaws.sqs#X\r\nx-amzn-query-error: AWS.X;Sender\r\n"
                          "x-amzn-RequestId: 1\r\ndate: Tue, 24 Nov 2026 06:00:00 GMT\r\n"
                          "CONTENT-TYPE: application/x-amz-json-1.0\r\n")},
              {http_reply(200, "")}}});
  const seen s = f.send();
  CHECK(s.status == 400);
  CHECK(s.error_type == "com.amazonaws.sqs#X");
  CHECK(s.query_error == "AWS.X;Sender");
  CHECK(s.date == "Tue, 24 Nov 2026 06:00:00 GMT");
  CHECK(s.content_type == "application/x-amz-json-1.0");
  const seen next = f.send();
  CHECK(next.error_type.empty());
  CHECK(next.date.empty());
}

TEST_CASE("a status of 500 with a page of HTML is an answer") {
  fixture f({{{http_reply(500, "<html>sorry</html>", "Content-Type: text/html\r\n")}}});
  const seen s = f.send();
  CHECK(!s.code);
  CHECK(s.status == 500);
  CHECK(s.body == "<html>sorry</html>");
}

TEST_CASE("a chunked answer is put together") {
  fixture f({{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n"},
              {http_reply(200, "next")}}});
  const seen s = f.send();
  CHECK(s.body == "abcdefg");
  CHECK(s.padded);
  CHECK(f.send().body == "next");
  CHECK(f.server.connections == 1);
}

TEST_CASE("a chunked answer may come byte by byte") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto [chunks, body] = GENERATE(table<std::string, std::string>({
      {"0\r\n\r\n", ""},
      {"0\r\nX: y\r\n\r\n", ""},
      {"00;a=b\r\n\r\n", ""},
      {"1\r\na\r\n0\r\n\r\n", "a"},
      {"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: y\r\n\r\n", "abcde"},
  }));
  fixture slow({{{.reply = head + chunks, .drip = 1ms}, {http_reply(200, "next")}}});
  const seen s = slow.send();
  CHECK(s.what == "");
  CHECK(s.body == body);
  CHECK(slow.send().body == "next");
  CHECK(slow.server.connections == 1);
}

TEST_CASE("a trailer does not change what the header said") {
  fixture f(
      {{{"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n"
         "Date: then\r\nContent-Type: text/plain\r\n\r\n"}}});
  const seen s = f.send();
  CHECK(s.body == "abcd");
  CHECK(s.date == "now");
  CHECK(s.content_type.empty());
}

TEST_CASE("an answer without a length ends with its connection") {
  fixture f({{{"HTTP/1.1 200 OK\r\n\r\nall of it", true}}, {{http_reply(200, "next")}}});
  CHECK(f.send().body == "all of it");
  CHECK(f.send().body == "next");
  CHECK(f.server.connections == 2);
}

TEST_CASE("an interim answer is passed over") {
  fixture f({{{"HTTP/1.1 100 Continue\r\n\r\n" + http_reply(200, "real")}}});
  CHECK(f.send().body == "real");
}

TEST_CASE("Connection: close is obeyed") {
  fixture f({{{http_reply(200, "one", "Connection: close\r\n")}}, {{http_reply(200, "two")}}});
  CHECK(f.send().body == "one");
  CHECK(f.send().body == "two");
  CHECK(f.server.connections == 2);
}

TEST_CASE("a connection with bytes that nobody asked for is not used again") {
  fixture f({{{http_reply(200, "one") + http_reply(200, "evil")}}, {{http_reply(200, "two")}}});
  CHECK(f.send().body == "one");
  CHECK(f.send().body == "two");
  CHECK(f.server.connections == 2);
}

TEST_CASE("an idle connection that the server closed is replaced once") {
  SECTION("and the request sent again") {
    fixture f({{{http_reply(200, "one"), true}}, {{http_reply(200, "two")}}});
    CHECK(f.send().body == "one");
    CHECK(f.send().body == "two");
    CHECK(f.server.connections == 2);
  }
  SECTION("but not a request that must not be repeated") {
    fixture f({{{http_reply(200, "one"), true}}, {{http_reply(200, "two")}}});
    CHECK(f.send().body == "one");
    CHECK(f.send({.body = "{}", .repeatable = false}).code == errc::connection_closed);
  }
  SECTION("and no more than once") {
    fixture f({{{http_reply(200, "one"), true}}, {{"", true}}, {{http_reply(200, "three")}}});
    CHECK(f.send().body == "one");
    const seen s = f.send();
    CHECK(s.code == errc::connection_closed);
    CHECK(s.what.find("before it answered") != std::string::npos);
    CHECK(f.server.connections == 2);
  }
}

TEST_CASE("an answer may be larger than what is read at once") {
  const std::size_t size = GENERATE(as<std::size_t>(), 32 * 1024 - 64, 32 * 1024, 1'000'000);
  const std::string body(size, 'x');
  fixture f({{{http_reply(200, body)}, {http_reply(200, "next")}}});
  const seen s = f.send();
  CHECK(s.body == body);
  CHECK(s.padded);
  CHECK(f.send().body == "next");
  CHECK(f.server.connections == 1);
}

TEST_CASE("an answer that breaks off is a failure, and not asked for again") {
  fixture f({{{http_reply(200, "one")}, {http_reply(200, "0123456789").substr(0, 45), true}},
             {{http_reply(200, "three")}}});
  CHECK(f.send().body == "one");
  const seen s = f.send();
  CHECK(s.code == errc::connection_closed);
  CHECK(s.what.find("in the middle of its answer") != std::string::npos);
  CHECK(f.server.connections == 1);
  CHECK(f.send().body == "three");
}

TEST_CASE("a slow drip does not outlast the deadline") {
  fixture f({{{http_reply(200, std::string(1'000, 'x')), false, 10ms}}, {{http_reply(200, "next")}}});
  const auto begin = std::chrono::steady_clock::now();
  const seen s = f.send({.body = "{}"}, 100ms);
  CHECK(s.code == errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK(s.what.find("127.0.0.1") != std::string::npos);
  CHECK(f.send().body == "next");
}

TEST_CASE("interim answers without end do not outlast the deadline") {
  std::string interim;
  for (int i = 0; i < 1'000'000; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  fixture f({{{interim}}, {{http_reply(200, "next")}}});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(f.send({.body = "{}"}, 50ms).code == errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK(f.send().body == "next");
}

TEST_CASE("answers over the limits are refused") {
  const options small{.header_bytes_max = 200, .body_bytes_max = 1'000};
  SECTION("by their announced length") {
    fixture f({{{http_reply(200, std::string(1'001, 'x'))}}}, small);
    CHECK(f.send().code == errc::too_large);
  }
  SECTION("by what comes in chunks") {
    fixture f({{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1'001, 'x') +
                 "\r\n0\r\n\r\n"}}},
              small);
    CHECK(f.send().code == errc::too_large);
  }
  SECTION("by the line of a chunk that has no end") {
    fixture f({{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(1'000'000, 'x')}}},
              small);
    CHECK(f.send({.body = "{}"}, 1s).code == errc::too_large);
  }
  SECTION("by their header") {
    fixture f({{{http_reply(200, "", "X: " + std::string(300, 'y') + "\r\n")}}}, small);
    CHECK(f.send().code == errc::too_large);
  }
  SECTION("but one at the limit is taken") {
    fixture f({{{http_reply(200, std::string(1'000, 'x'))}}}, small);
    CHECK(f.send().body.size() == 1'000);
  }
}

TEST_CASE("what is not HTTP is a bad answer") {
  fixture f({{{"SSH-2.0-OpenSSH_9.2\r\n\r\n"}}});
  const seen s = f.send();
  CHECK(s.code == errc::bad_answer);
}

TEST_CASE("a header cannot smuggle a line") {
  fixture f({{{http_reply(200, "")}}});
  const header headers[] = {{"Authorization", "token\r\nX: y"}};
  CHECK(f.send({.headers = headers, .body = "{}"}).code == errc::bad_configuration);
  CHECK(f.send({.target = "/ HTTP/1.1\r\n", .body = "{}"}).code == errc::bad_configuration);
  CHECK(f.server.requests.empty());
}

TEST_CASE("closing from outside ends a call, and the next one connects anew") {
  fixture f({{{http_reply(200, "one")}, {""}}, {{http_reply(200, "three")}}});
  CHECK(f.send().body == "one");
  boost::asio::steady_timer soon(f.loop, 30ms);
  soon.async_wait([&](const error_code&) { f.c.close(); });
  CHECK(f.send().code == errc::cancelled);
  CHECK(f.send().body == "three");
  f.c.close();  // idle: nothing to end
  CHECK(f.server.connections == 2);
}

TEST_CASE("a refused connection says where and what to look at") {
  boost::asio::io_context loop;
  std::uint16_t port = 0;
  {
    const asio::ip::tcp::acceptor gone(loop, {asio::ip::address_v4::loopback(), 0});
    port = gone.local_endpoint().port();
  }
  client c(loop.get_executor(), parse_endpoint("http://127.0.0.1:" + std::to_string(port)).value(), {},
           nullptr);
  const seen s = tests::run_on(loop, ask(c, {.body = "{}"}, 1s));
  CHECK(s.code == boost::asio::error::connection_refused);
  CHECK(s.what == "connect to http://127.0.0.1:" + std::to_string(port) +
                      ": connection refused; is it running, and are host and port right?");
}

TEST_CASE("a name that does not resolve is named") {
  boost::asio::io_context loop;
  client c(loop.get_executor(), parse_endpoint("http://nowhere.invalid").value(), {}, nullptr);
  const seen s = tests::run_on(loop, ask(c, {.body = "{}"}, 1s));
  CHECK(s.code);
  CHECK(s.what.find("nowhere.invalid") != std::string::npos);
}

TEST_CASE("a socket that cannot be opened is a shortage, and no sign that the connection was closed") {
  fixture f({{{http_reply(200, "one")}}, {{http_reply(200, "two")}}});
  CHECK(f.send().body == "one");
  f.c.close();
  {
    const no_more_files shortage;
    const seen s = f.send();
    CHECK(s.code == boost::system::errc::too_many_files_open);
    CHECK(classify(s.code) == verdict::throttle);
    CHECK(s.what.find("ulimit -n") != std::string::npos);
  }
  CHECK(f.send().body == "two");
}

TEST_CASE("a connection that is closed while it is opened was cancelled") {
  fixture f({{{""}}, {{http_reply(200, "one")}}});
  // After the call has begun, and before it knows that it is connected.
  asio::post(f.loop, [&] { asio::post(f.loop, [&] { f.c.close(); }); });
  CHECK(f.send().code == errc::cancelled);
  CHECK(f.send().body == "one");
}
