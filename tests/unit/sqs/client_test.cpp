#include "sqs/client.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict.hpp"
#include "support/http_script.hpp"

using namespace sluice;
using namespace sluice::sqs;
using namespace std::chrono_literals;
using tests::http_reply;
using tests::http_script;

namespace {

constexpr std::chrono::sys_seconds now{1767323045s};  // Fri, 02 Jan 2026 03:04:05 GMT
constexpr std::string_view url = "https://sqs.us-east-1.amazonaws.com/123456789012/q";

// Gives what a test has put there; the next with each refresh.
class scripted_credentials final : public aws::credentials_provider {
 public:
  boost::asio::awaitable<result<std::shared_ptr<const aws::credentials>>> get(
      bool refresh, boost::asio::cancellation_slot end) override {
    refreshes += refresh ? 1 : 0;
    if (late && late_from <= calls++) {
      boost::system::error_code ended;
      co_await late->async_wait(boost::asio::bind_cancellation_slot(
          end, boost::asio::redirect_error(boost::asio::use_awaitable, ended)));
      end.clear();
    }
    if (refresh && at + 1 < ids.size()) ++at;
    auto c = std::make_shared<aws::credentials>();
    c->access_key_id = ids[at];
    c->secret_access_key = secret("key");
    c->source = "test";
    co_return std::shared_ptr<const aws::credentials>(std::move(c));
  }
  std::vector<std::string> ids{"FIRST"};
  std::size_t at = 0;
  int refreshes = 0, calls = 0;
  std::optional<boost::asio::steady_timer> late;  ///< waited for, if there is one, from that call on
  int late_from = 0;
};

struct fixture {
  explicit fixture(http_script::connection_script script) : server(loop, {std::move(script)}) {
    shared->endpoint = http::parse_endpoint(server.url()).value();
    shared->region = "us-east-1";
    shared->credentials = keys;
    shared->now = [] { return now; };
    c.emplace(loop.get_executor(), shared);
  }
  template <class T>
  result<T> run(boost::asio::awaitable<result<T>> call) {
    return tests::run_on(loop, std::move(call));
  }
  result<std::vector<batch_failure>> delete_two() {
    static constexpr std::string_view handles[] = {"a", "b"};
    return run(c->delete_batch(url, handles));
  }
  bool sent(std::size_t request, std::string_view part) const {
    return server.requests.at(request).find(part) != std::string::npos;
  }

  boost::asio::io_context loop;
  http_script server;
  std::shared_ptr<scripted_credentials> keys = std::make_shared<scripted_credentials>();
  std::shared_ptr<session> shared = std::make_shared<session>();
  std::optional<client> c;
};

std::string error_reply(const char* name, int status = 400, const char* headers = "") {
  return http_reply(
      status, std::string(R"({"__type":"com.amazonaws.sqs#)") + name + R"(","message":"raw text"})", headers);
}

constexpr const char* done = R"({"Successful":[{"Id":"0"},{"Id":"1"}],"Failed":[]})";

}  // namespace

TEST_CASE("a receive goes out signed, and its messages come back") {
  fixture f({{http_reply(200, R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"hello",)"
                              R"("MD5OfBody":"5d41402abc4b2a76b9719d911017c592"}]})")}});
  const auto messages = f.run(f.c->receive(url, {.wait = 1s}));
  REQUIRE(messages.has_value());
  REQUIRE(messages->size() == 1);
  CHECK(messages->front().body == "hello");
  CHECK(messages->front().digests_ok);
  CHECK(f.sent(0, "POST / HTTP/1.1\r\n"));
  CHECK(f.sent(0, "Content-Type: application/x-amz-json-1.0\r\n"));
  CHECK(f.sent(0, "X-Amz-Target: AmazonSQS.ReceiveMessage\r\n"));
  CHECK(f.sent(0, "X-Amz-Date: 20260102T030405Z\r\n"));
  CHECK(f.sent(0,
               "Authorization: AWS4-HMAC-SHA256 Credential=FIRST/20260102/us-east-1/sqs/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="));
  CHECK(!f.sent(0, "X-Amz-Security-Token"));
  CHECK(f.sent(0, "\"WaitTimeSeconds\":1,"));
  CHECK(f.shared->requests == 1);
}

TEST_CASE("each operation asks for its own target and reads its own answer") {
  fixture f({{http_reply(200, R"({"QueueUrl":"http://u"})")},
             {http_reply(200, R"({"QueueUrl":"http://v"})")},
             {http_reply(200, R"({"Attributes":{"VisibilityTimeout":"30"}})")},
             {http_reply(200, "")},
             {http_reply(200, done)},
             {http_reply(200, done)},
             {http_reply(200, done)}});
  const std::string_view handles[] = {"a", "b"};
  const outgoing messages[] = {{"x", "", "", {}}, {"y", "", "", {}}};
  CHECK(f.run(f.c->queue_url("q")).value() == "http://u");
  CHECK(f.run(f.c->create_queue("q", {})).value() == "http://v");
  CHECK(f.run(f.c->attributes(url)).value().at("VisibilityTimeout") == "30");
  CHECK(f.run(f.c->purge(url)).has_value());
  CHECK(f.run(f.c->delete_batch(url, handles)).value().empty());
  CHECK(f.run(f.c->change_visibility_batch(url, handles, 30s)).value().empty());
  CHECK(f.run(f.c->send_batch(url, messages)).value().empty());
  std::size_t i = 0;
  for (const char* target : {"GetQueueUrl", "CreateQueue", "GetQueueAttributes", "PurgeQueue",
                             "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch"}) {
    CHECK(f.sent(i++, std::string("X-Amz-Target: AmazonSQS.") + target + "\r\n"));
  }
  CHECK(f.server.connections == 1);
}

TEST_CASE("a success with failures in it lists them") {
  fixture f({{http_reply(200, R"({"Successful":[{"Id":"1"}],"Failed":[{"Id":"0","SenderFault":true,)"
                              R"("Code":"ReceiptHandleIsInvalid"}]})")}});
  const auto failed = f.delete_two();
  REQUIRE(failed.has_value());
  REQUIRE(failed->size() == 1);
  CHECK(failed->front().index == 0);
  CHECK(failed->front().sender_fault);
  CHECK(failed->front().code == "ReceiptHandleIsInvalid");
}

TEST_CASE("stale credentials are refreshed once") {
  SECTION("and the call goes through") {
    fixture f({{error_reply("ExpiredToken", 403)}, {http_reply(200, done)}});
    f.keys->ids = {"FIRST", "SECOND"};
    CHECK(f.delete_two().has_value());
    CHECK(f.keys->refreshes == 1);
    CHECK(f.sent(0, "Credential=FIRST/"));
    CHECK(f.sent(1, "Credential=SECOND/"));
    CHECK(f.shared->requests == 2);
  }
  SECTION("but not twice in one call") {
    fixture f({{error_reply("ExpiredToken")}, {error_reply("ExpiredToken")}, {http_reply(200, done)}});
    f.keys->ids = {"FIRST", "SECOND", "THIRD"};
    const auto r = f.delete_two();
    REQUIRE(!r);
    CHECK(r.error().code == aws_errc::expired_token);
    CHECK(f.server.requests.size() == 2);
  }
  SECTION("and not tried again if there are no others") {
    fixture f({{error_reply("UnrecognizedClientException")}, {http_reply(200, done)}});
    const auto r = f.delete_two();
    REQUIRE(!r);
    CHECK(r.error().code == aws_errc::invalid_token);
    CHECK(f.server.requests.size() == 1);
  }
}

TEST_CASE("a skewed clock is mended once, and stays mended") {
  const char* const ten_minutes_on = "Date: Fri, 02 Jan 2026 03:14:05 GMT\r\n";
  SECTION("with the server's own time") {
    fixture f({{error_reply("InvalidSignatureException", 403, ten_minutes_on)},
               {http_reply(200, done)},
               {http_reply(200, done)}});
    CHECK(f.delete_two().has_value());
    CHECK(f.delete_two().has_value());
    CHECK(f.sent(0, "X-Amz-Date: 20260102T030405Z"));
    CHECK(f.sent(1, "X-Amz-Date: 20260102T031405Z"));
    CHECK(f.sent(2, "X-Amz-Date: 20260102T031405Z"));
    CHECK(f.shared->clock_offset == 600s);
  }
  SECTION("and told if that does not help") {
    fixture f({{error_reply("RequestTimeTooSkewed", 403, ten_minutes_on)},
               {error_reply("RequestTimeTooSkewed", 403, ten_minutes_on)}});
    const auto r = f.delete_two();
    REQUIRE(!r);
    CHECK(r.error().code == aws_errc::clock_skew);
    CHECK(r.error().what.ends_with("this machine's clock is 10 min behind the server's"));
    CHECK(f.server.requests.size() == 2);
  }
  SECTION("but a server's clock that jumps is not chased") {
    const char* const an_hour_on = "Date: Fri, 02 Jan 2026 04:04:05 GMT\r\n";
    fixture f({{error_reply("RequestTimeTooSkewed", 403, ten_minutes_on)},
               {error_reply("RequestTimeTooSkewed", 403, an_hour_on)},
               {http_reply(200, done)}});
    CHECK(!f.delete_two());
    CHECK(f.server.requests.size() == 2);
  }
  SECTION("but four minutes are left alone") {
    fixture f({{error_reply("SignatureDoesNotMatch", 403, "Date: Fri, 02 Jan 2026 03:08:05 GMT\r\n")}});
    const auto r = f.delete_two();
    REQUIRE(!r);
    CHECK(r.error().code == aws_errc::signature_mismatch);
    CHECK(f.shared->clock_offset == 0s);
    CHECK(f.server.requests.size() == 1);
  }
  SECTION("and other refusals do not touch it") {
    fixture f({{error_reply("QueueDoesNotExist", 400, ten_minutes_on)}});
    CHECK(!f.delete_two());
    CHECK(f.shared->clock_offset == 0s);
  }
}

TEST_CASE("a skewed clock is mended for each call that was refused for it, whoever mends it") {
  const auto refused =
      error_reply("InvalidSignatureException", 403, "Date: Fri, 02 Jan 2026 03:14:05 GMT\r\n");
  boost::asio::io_context loop;
  http_script server(loop, {{{refused}, {http_reply(200, done)}}, {{refused}, {http_reply(200, done)}}});
  const auto shared = std::make_shared<session>();
  shared->endpoint = http::parse_endpoint(server.url()).value();
  shared->region = "us-east-1";
  shared->credentials = std::make_shared<scripted_credentials>();
  shared->now = [] { return now; };
  client one(loop.get_executor(), shared), other(loop.get_executor(), shared);
  static constexpr std::string_view handles[] = {"a", "b"};
  int right = 0;
  for (client* c : {&one, &other}) {
    boost::asio::co_spawn(loop, c->delete_batch(url, handles),
                          [&](const std::exception_ptr&, const auto& r) { right += r ? 1 : 0; });
  }
  loop.run_for(5s);
  CHECK(right == 2);
  CHECK(shared->clock_offset == 600s);
}

TEST_CASE("a refusal that does not say the time leaves the clock as it is") {
  fixture f({{error_reply("AccessDenied", 403)}});
  f.shared->clock_offset = 600s;
  CHECK(!f.delete_two());
  CHECK(f.shared->clock_offset == 600s);
}

TEST_CASE("throttling is the caller's to handle") {
  fixture f({{error_reply("RequestThrottled", 403)}});
  const auto r = f.delete_two();
  REQUIRE(!r);
  CHECK(classify(r.error()) == verdict::throttle);
  CHECK(f.server.requests.size() == 1);
}

TEST_CASE("failures say what was asked, of which queue, and where") {
  fixture f({{error_reply("AccessDenied", 403)},
             {http_reply(200, "[1]")},
             {http_reply(503, "<html>", "Content-Type: text/html\r\n")},
             {"", true}});
  const auto denied = f.delete_two();
  REQUIRE(!denied);
  CHECK(denied.error().what == "DeleteMessageBatch on queue q at " + f.server.url() + ": AccessDenied");
  CHECK(denied.error().server_text == "raw text");
  const auto nonsense = f.delete_two();
  REQUIRE(!nonsense);
  CHECK(nonsense.error().what == "DeleteMessageBatch on queue q: the answer is not a JSON object");
  const auto away = f.delete_two();
  REQUIRE(!away);
  CHECK(away.error().what == "DeleteMessageBatch on queue q at " + f.server.url() + ": HTTP status 503");
  const auto closed = f.delete_two();
  REQUIRE(!closed);
  CHECK(closed.error().code == errc::connection_closed);
  CHECK(closed.error().what.starts_with("DeleteMessageBatch on queue q: http://127.0.0.1:"));
}

TEST_CASE("closing from outside ends a long poll as cancelled") {
  fixture f({{""}});
  boost::asio::steady_timer soon(f.loop, 20ms);
  soon.async_wait([&](const error_code&) { f.c->close(); });
  const auto messages = f.run(f.c->receive(url, {}));
  REQUIRE(!messages);
  CHECK(messages.error().code == errc::cancelled);
}

TEST_CASE("after a close no request is sent, at whatever moment it comes") {
  bool over = false;
  for (std::size_t moment = 0; !over; ++moment) {
    CAPTURE(moment);
    // So long that its end is there when it is asked for, and is on its way through the loop.
    const std::string ten_minutes_on = "Date: Fri, 02 Jan 2026 03:14:05 GMT\r\n";
    const std::string skewed =
        R"({"message":")" + std::string(100'000, 'x') + R"(","__type":"RequestTimeTooSkewed"})";
    fixture f({{http_reply(403, skewed, ten_minutes_on)}, {http_reply(200, done)}});
    static constexpr std::string_view handles[] = {"a"};
    std::optional<result<std::vector<batch_failure>>> ended;
    boost::asio::co_spawn(f.loop, f.c->delete_batch(url, handles),
                          [&](const std::exception_ptr&, auto r) { ended.emplace(std::move(r)); });
    while (f.shared->requests == 0) REQUIRE(f.loop.run_one_for(5s) == 1);
    for (std::size_t i = 0; i < moment && !ended; ++i) f.loop.run_one_for(5s);
    over = ended.has_value();
    const std::uint64_t requests = f.shared->requests;
    f.c->close();
    while (!ended) REQUIRE(f.loop.run_one_for(5s) == 1);
    CHECK(f.shared->requests == requests);
    if (!over && requests < 2) CHECK(ended->error().code == errc::cancelled);
  }
}

TEST_CASE("a close ends a call that waits for credentials: it sends nothing, or nothing more") {
  const int late_from = GENERATE(0, 1);  // the first ones, or those after a refusal
  fixture f({{error_reply("ExpiredToken")}});
  f.keys->late_from = late_from;
  f.keys->late.emplace(f.loop, boost::asio::steady_timer::time_point::max());
  boost::asio::steady_timer soon(f.loop, 50ms);
  soon.async_wait([&](const boost::system::error_code&) { f.c->close(); });
  const auto ended = f.delete_two();
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().code == errc::cancelled);
  CHECK(f.server.requests.size() == static_cast<std::size_t>(late_from));
  f.keys->late.reset();
  f.c->close();  // what is closed while no call is in flight connects anew
  CHECK(f.run(f.c->purge(url)).error().code != errc::cancelled);
}
