#include <catch2/catch_test_macros.hpp>

#include "unit/sqs_server/queue_fixture.hpp"

namespace sluice::sqs_server {
namespace {

using strings = std::vector<std::string>;

struct fifo_fixture : queue_fixture {
  explicit fifo_fixture(const attribute_map& attributes = {}) : queue_fixture(attributes, true) {}
};

TEST_CASE("one receive takes what it can of a group, then of the next") {
  fifo_fixture f;
  for (const auto& [group, body] : {std::pair{"1", "1a"}, {"2", "2a"}, {"1", "1b"}, {"1", "1c"}}) {
    f.send_to(group, body);
  }
  CHECK(f.bodies() == strings{"1a", "1b", "1c", "2a"});
}

TEST_CASE("a group with a message in flight gives nothing until all of them are deleted or visible") {
  fifo_fixture f;
  for (const char* body : {"a", "b", "c"}) f.send_to("g", body);
  const auto r = f.receive(2);
  CHECK(f.receive().empty());
  f.remove(r[0]);
  CHECK(f.receive().empty());
  f.remove(r[1]);
  CHECK(f.bodies() == strings{"c"});
}

TEST_CASE("a message that comes back is delivered before those behind it") {
  fifo_fixture f;
  for (const char* body : {"a", "b", "c"}) f.send_to("g", body);
  REQUIRE(f.receive(2, seconds(5)).size() == 2);
  f.now += seconds(5);
  CHECK(f.bodies() == strings{"a", "b", "c"});
}

TEST_CASE("other groups go on while one is blocked") {
  fifo_fixture f;
  f.send_to("1", "1a");
  f.send_to("1", "1b");
  REQUIRE(f.receive(1).size() == 1);
  f.send_to("2", "2a");
  CHECK(f.bodies() == strings{"2a"});
}

TEST_CASE("an expired handle of a FIFO queue neither deletes nor changes") {
  fifo_fixture f;
  f.send_to("g", "a");
  const auto first = f.receive(1, seconds(1));
  f.now += seconds(1);
  CHECK(f.remove(first[0]) == queue::answer::expired);
  CHECK(f.q.change_visibility(first[0].receipt, seconds(5), f.now) == queue::answer::expired);
  const auto second = f.receive();
  CHECK(f.remove(first[0]) == queue::answer::expired);
  CHECK(f.remove(second[0]) == queue::answer::done);
  CHECK(f.remove(second[0]) == queue::answer::done);
}

TEST_CASE("a handle lives as long as the timeout that it was given later") {
  fifo_fixture f;
  f.send_to("g", "a");
  const auto r = f.receive(1, seconds(1));
  REQUIRE(f.q.change_visibility(r[0].receipt, seconds(10), f.now) == queue::answer::done);
  f.now += seconds(9);
  CHECK(f.remove(r[0]) == queue::answer::done);
  CHECK(f.q.count(f.now) == queue::counts{});
}

TEST_CASE("a message sent again within five minutes is the message that was sent, even if it was deleted") {
  fifo_fixture f;
  const auto first = f.send_to("g", "a", "id");
  f.remove(f.receive()[0]);
  f.now += std::chrono::minutes(5) - milliseconds(1);
  const auto second = f.send_to("other", "b", "id");
  CHECK(second.id == first.id);
  CHECK(second.sequence == first.sequence);
  CHECK(f.q.count(f.now).visible == 0);
  f.now += milliseconds(1);
  const auto third = f.send_to("g", "a", "id");
  CHECK(third.id != first.id);
  CHECK(third.sequence > first.sequence);
  CHECK(f.q.count(f.now).visible == 1);
}

TEST_CASE("with the scope messageGroup each group has its own deduplication ids") {
  fifo_fixture f(attribute_map{{"DeduplicationScope", "messageGroup"}});
  const auto first = f.send_to("1", "a", "id");
  CHECK(f.send_to("1", "a", "id").id == first.id);
  CHECK(f.send_to("2", "a", "id").id != first.id);
}

TEST_CASE("the same receive attempt gets the same messages and handles, hidden anew") {
  fifo_fixture f;
  for (const char* body : {"a", "b"}) f.send_to("g", body);
  const auto first = f.receive(10, seconds(10), "attempt");
  f.now += seconds(9);
  const auto second = f.receive(10, seconds(10), "attempt");
  REQUIRE(second.size() == 2);
  CHECK(second[0].receipt == first[0].receipt);
  CHECK(second[0].what->receive_count == 1);
  f.now += seconds(9);
  CHECK(f.receive(10, seconds(10), "another").empty());
}

TEST_CASE("a receive attempt is void when one of its messages was deleted or changed") {
  fifo_fixture f;
  f.send_to("1", "a");
  f.send_to("2", "b");
  const auto r = f.receive(10, seconds(10), "attempt");
  f.remove(r[0]);
  CHECK(f.receive(10, seconds(10), "attempt").empty());
  REQUIRE(f.q.change_visibility(r[1].receipt, seconds(0), f.now) == queue::answer::done);
  CHECK(f.bodies() == strings{"b"});
}

TEST_CASE("a delayed message holds back those of its group that were sent after it") {
  fifo_fixture f(attribute_map{{"DelaySeconds", "5"}});
  f.send_to("g", "a");
  REQUIRE(f.q.apply({{"DelaySeconds", "0"}}, f.now));
  f.send_to("g", "b");
  CHECK(f.receive().empty());
  f.now += seconds(5);
  CHECK(f.bodies() == strings{"a", "b"});
}

TEST_CASE("poison at the head of a group goes to the dead-letter queue, and the group goes on") {
  fifo_fixture dead, f;
  REQUIRE(f.q.apply({{"RedrivePolicy", R"({"deadLetterTargetArn":"arn:x","maxReceiveCount":1})"}}, f.now));
  f.q.dead_letter_queue(&dead.q);
  f.send_to("g", "poison");
  f.send_to("g", "good");
  REQUIRE(f.bodies(1, seconds(1)) == strings{"poison"});
  f.now += seconds(1);
  CHECK(f.bodies() == strings{"good"});
  CHECK(dead.bodies() == strings{"poison"});
}

TEST_CASE("a group whose only message dies is forgotten") {
  fifo_fixture dead, f;
  REQUIRE(f.q.apply({{"RedrivePolicy", R"({"deadLetterTargetArn":"arn:x","maxReceiveCount":1})"}}, f.now));
  f.q.dead_letter_queue(&dead.q);
  f.send_to("g", "poison");
  REQUIRE(f.bodies(1, seconds(1)) == strings{"poison"});
  f.now += seconds(1);
  CHECK(f.receive().empty());
  f.send_to("g", "next");
  CHECK(f.bodies() == strings{"next"});
}

}  // namespace
}  // namespace sluice::sqs_server
