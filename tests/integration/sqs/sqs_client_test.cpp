// sqs::client against a queue: the one at SLUICE_SQS_ENDPOINT, with the credentials and region of the
// environment.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aws/settings.hpp"
#include "core/encoding.hpp"
#include "pipeline/sqs_queue.hpp"
#include "sqs/client.hpp"
#include "support/http_script.hpp"

using namespace sluice;
using namespace sluice::sqs;
using namespace std::chrono_literals;

namespace {

struct received {
  std::string id, handle, body;
  std::int64_t sent_ms;
  std::uint32_t count;
  bool digest_ok;
};

boost::asio::awaitable<result<std::vector<received>>> receive(client& c, std::string url, receive_options o) {
  auto messages = co_await c.receive(url, o);
  if (!messages) co_return messages.error();
  std::vector<received> owned;
  for (const message& m : *messages) {
    owned.push_back({std::string(m.message_id), std::string(m.receipt_handle), std::string(m.body), m.sent_ms,
                     m.receive_count, m.digests_ok});
  }
  co_return owned;
}

class queue {
  boost::asio::io_context loop_;  // first: the client's socket must go before it
  std::shared_ptr<session> shared_ = std::make_shared<session>();

 public:
  queue() {
    const auto env = aws::process_environment();
    const auto endpoint = env("SLUICE_SQS_ENDPOINT");
    if (!endpoint) FAIL("SLUICE_SQS_ENDPOINT is not set: see tests/integration/sqs/with_sqs.sh");
    shared_->endpoint = http::parse_endpoint(*endpoint).value();
    shared_->region = aws::load_settings(env).value().region;
    shared_->credentials = aws::make_provider(env, {.executor = loop_.get_executor()}).value();
    c.emplace(loop_.get_executor(), shared_);
    url = must(c->create_queue(name, {{"VisibilityTimeout", "30"}}));
  }
  template <class T>
  result<T> run(boost::asio::awaitable<result<T>> call) {
    return tests::run_on(loop_, std::move(call));
  }
  template <class T>
  T must(boost::asio::awaitable<result<T>> call) {
    auto r = run(std::move(call));
    if (!r) FAIL(r.error().line() << " [" << r.error().server_text << "]");
    return std::move(*r);
  }

  /// The pipeline's own, with a limit on the bodies of answers.
  pipeline::sqs_queue limited(std::size_t body_bytes_max) {
    shared_->http.body_bytes_max = body_bytes_max;
    return {loop_.get_executor(), shared_, {.queue_url = url}, counters};
  }

  void send(const std::vector<std::string>& bodies) {
    for (std::size_t i = 0; i < bodies.size(); i += 10) {
      std::vector<outgoing> batch;
      for (std::size_t k = i; k < std::min(i + 10, bodies.size()); ++k)
        batch.push_back({bodies[k], "", "", {}});
      REQUIRE(must(c->send_batch(url, batch)).empty());
    }
  }
  // All of them: a receive may give fewer than there are.
  std::vector<received> take(std::size_t count) {
    std::vector<received> all;
    for (int tries = 0; tries < 50 && all.size() < count; ++tries) {
      for (received& m : must(receive(*c, url, {.wait = 1s, .trace_header = true})))
        all.push_back(std::move(m));
    }
    REQUIRE(all.size() == count);
    return all;
  }

  const std::string name = "sluice-" + std::to_string(std::random_device()());
  std::string url;
  std::optional<client> c;
  observe::counters counters;
};

std::vector<std::string_view> handles_of(const std::vector<received>& messages) {
  std::vector<std::string_view> handles;
  for (const received& m : messages) handles.push_back(m.handle);
  return handles;
}

}  // namespace

TEST_CASE("a queue is found by its name, with its attributes") {
  queue q;
  CHECK(q.must(q.c->queue_url(q.name)) == q.url);
  const auto attributes = q.must(q.c->attributes(q.url));
  CHECK(attributes.at("VisibilityTimeout") == "30");
  CHECK(attributes.at("QueueArn").ends_with(q.name));
}

TEST_CASE("what is sent is received, byte for byte, and gone when it is deleted") {
  queue q;
  const std::vector<std::string> bodies = {R"({"user_id":"a","ip":"1.2.3.4"})",
                                           "plain",
                                           "\"quoted\\ \t\n",
                                           "é 漢字 🦀",
                                           "</script>&amp;\x7f",
                                           std::string(100'000, 'x'),
                                           "7",
                                           "8",
                                           "9",
                                           "10"};
  q.send(bodies);
  const auto messages = q.take(bodies.size());
  std::multiset<std::string> got;
  for (const received& m : messages) {
    got.insert(m.body);
    CHECK(parse_uuid(m.id));
    CHECK(m.digest_ok);
    CHECK(m.count == 1);
    CHECK(m.sent_ms > 1'600'000'000'000);
  }
  CHECK(got == std::multiset<std::string>(bodies.begin(), bodies.end()));

  CHECK(q.must(q.c->delete_batch(q.url, handles_of(messages))).empty());
  const auto attributes = q.must(q.c->attributes(q.url));
  CHECK(attributes.at("ApproximateNumberOfMessages") == "0");
  CHECK(attributes.at("ApproximateNumberOfMessagesNotVisible") == "0");
  CHECK(q.must(receive(*q.c, q.url, {.wait = 1s})).empty());
}

TEST_CASE("messages that are given back come again, and are counted") {
  queue q;
  q.send({"one", "two", "three"});
  const auto first = q.take(3);
  CHECK(q.must(receive(*q.c, q.url, {.wait = 0s})).empty());
  CHECK(q.must(q.c->change_visibility_batch(q.url, handles_of(first), 0s)).empty());
  for (const received& m : q.take(3)) CHECK(m.count == 2);
}

TEST_CASE("of a batch, only the bad entry is refused") {
  queue q;
  q.send({"one"});
  const auto messages = q.take(1);
  const std::string_view handles[] = {"no handle at all", messages.front().handle};
  const auto failed = q.must(q.c->delete_batch(q.url, handles));
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().index == 0);
  CHECK(failed.front().code == "ReceiptHandleIsInvalid");
  CHECK(failed.front().sender_fault);
}

TEST_CASE("a purge empties the queue") {
  queue q;
  q.send({"one", "two"});
  CHECK(q.run(q.c->purge(q.url)).has_value());
  CHECK(q.must(q.c->attributes(q.url)).at("ApproximateNumberOfMessages") == "0");
}

TEST_CASE("a queue that is not there is a failure with its name") {
  queue q;
  const auto r = q.run(q.c->queue_url("nobodys-queue"));
  REQUIRE(!r);
  CHECK(r.error().code == aws_errc::queue_does_not_exist);
  CHECK(r.error().what.starts_with("queue nobodys-queue does not exist in "));
}

TEST_CASE("an answer that is over the limit is a failure, until fewer messages are asked for") {
  queue q;
  q.send(std::vector<std::string>(30, std::string(1'000, 'x')));
  auto limited = q.limited(7'000);  // of four messages, with all that is around their bodies
  const auto got = q.run(limited.receive(10, 0s));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == errc::too_large);
  CHECK(q.must(limited.receive(2, 0s)).size() > 0);
}
