#include "app/ledger_keeper.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>

using namespace sluice::app;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view url = "https://sqs.eu-west-1.amazonaws.com/123456789012/logins";
constexpr auto day = 24h;

queue_attributes keeps(const std::string& seconds) {
  return {{"MessageRetentionPeriod", seconds}};
}

queue_attributes with_dead_letters(queue_attributes q) {
  q["RedrivePolicy"] =
      R"({"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:logins-dead","maxReceiveCount":5})";
  return q;
}

}  // namespace

TEST_CASE("a message may be delivered for as long as its queue keeps it") {
  CHECK(delivered_for(url, keeps("345600"), {}) == 4 * day);
  CHECK(delivered_for(url, keeps("60"), {}) == 60s);
  CHECK(delivered_for(url, keeps("1209600"), {}) == 14 * day);
}

TEST_CASE("where a queue does not say how long it keeps messages, it is the most that SQS allows") {
  CHECK(delivered_for(url, {}, {}) == 14 * day);
  for (const std::string text :
       {"", "x", "345600x", "0", "59", "-345600", "1209601", "99999999999999999999"}) {
    INFO(text);
    CHECK(delivered_for(url, keeps(text), {}) == 14 * day);
  }
}

TEST_CASE("a dead letter keeps its id and time, so its queue's retention counts where it is greater") {
  const queue_attributes queue = with_dead_letters(keeps("345600"));
  CHECK(dead_letters_of(url, queue) == "https://sqs.eu-west-1.amazonaws.com/123456789012/logins-dead");
  CHECK(dead_letters_of(url, keeps("345600")).empty());
  CHECK(delivered_for(url, queue, keeps("864000")) == 10 * day);
  CHECK(delivered_for(url, queue, keeps("86400")) == 4 * day);
  CHECK(delivered_for(url, queue, {}) == 14 * day);
  CHECK(delivered_for(url, queue, with_dead_letters(keeps("86400"))) == 14 * day);
}

TEST_CASE("a FIFO queue gives its dead letters another time, by which no ledger knows them") {
  const std::string fifo = std::string(url) + ".fifo";
  CHECK(dead_letters_of(fifo, with_dead_letters(keeps("345600"))).empty());
  CHECK(delivered_for(fifo, with_dead_letters(keeps("345600")), {}) == 4 * day);
}
