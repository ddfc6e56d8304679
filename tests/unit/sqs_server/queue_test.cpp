#include "support/sqs_server/queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/sqs_server/queue_fixture.hpp"

namespace sluice::sqs_server {
namespace {

using strings = std::vector<std::string>;
using std::chrono::hours;
using std::chrono::minutes;

TEST_CASE("messages come in the order in which they were sent, at most as many as asked for") {
  queue_fixture f;
  for (const char* body : {"a", "b", "c"}) f.send(body);
  CHECK(f.bodies(2) == strings{"a", "b"});
  CHECK(f.bodies(10) == strings{"c"});
  CHECK(f.bodies(10).empty());
}

TEST_CASE("a received message is hidden until its visibility timeout ends, to the millisecond") {
  queue_fixture f;
  f.send("a");
  REQUIRE(f.receive(1, seconds(5)).size() == 1);
  f.now += milliseconds(4'999);
  CHECK(f.receive().empty());
  f.now += milliseconds(1);
  const auto again = f.receive();
  REQUIRE(again.size() == 1);
  CHECK(again[0].what->receive_count == 2);
  CHECK(again[0].what->first_received == f.now - seconds(5));
}

TEST_CASE("a message is not received twice in one call, not even with a visibility timeout of 0") {
  queue_fixture f;
  f.send("a");
  CHECK(f.bodies(10, seconds(0)) == strings{"a"});
  CHECK(f.bodies(10, seconds(0)) == strings{"a"});
}

TEST_CASE("each receive gives another handle, and only the last one deletes") {
  queue_fixture f;
  f.send("a");
  const auto first = f.receive(1, seconds(1));
  f.now += seconds(1);
  const auto second = f.receive(1, seconds(30));
  CHECK(first[0].receipt != second[0].receipt);
  CHECK(f.remove(first[0]) == queue::answer::done);
  CHECK(f.q.count(f.now).in_flight == 1);
  CHECK(f.remove(second[0]) == queue::answer::done);
  CHECK(f.q.count(f.now) == queue::counts{});
}

TEST_CASE("deleting again is a success that does nothing") {
  queue_fixture f;
  f.send("a");
  const auto r = f.receive();
  CHECK(f.remove(r[0]) == queue::answer::done);
  f.send("b");  // takes the slot of the first
  CHECK(f.remove(r[0]) == queue::answer::done);
  CHECK(f.bodies() == strings{"b"});
}

TEST_CASE("a message whose timeout has ended can still be deleted while nobody else has it") {
  queue_fixture f;
  f.send("a");
  const auto r = f.receive(1, seconds(1));
  f.now += seconds(2);
  CHECK(f.remove(r[0]) == queue::answer::done);
  CHECK(f.bodies().empty());
}

TEST_CASE("visibility can be made longer, shorter and nothing") {
  queue_fixture f;
  f.send("a");
  auto r = f.receive(1, seconds(10));
  CHECK(f.q.change_visibility(r[0].receipt, seconds(60), f.now) == queue::answer::done);
  f.now += seconds(59);
  CHECK(f.receive().empty());
  CHECK(f.q.change_visibility(r[0].receipt, seconds(0), f.now) == queue::answer::done);
  CHECK(f.bodies() == strings{"a"});
}

TEST_CASE("visibility ends twelve hours after the receive: more is refused, not cut") {
  queue_fixture f;
  f.send("a");
  const auto r = f.receive(1, hours(1));
  f.now += seconds(10);
  CHECK(f.q.change_visibility(r[0].receipt, hours(12), f.now) == queue::answer::beyond_limit);
  CHECK(f.q.change_visibility(r[0].receipt, hours(12) - seconds(10), f.now) == queue::answer::done);
}

TEST_CASE("visibility of a message that is gone, or visible, or somebody else's cannot be changed") {
  queue_fixture f;
  f.send("a");
  const auto first = f.receive(1, seconds(1));
  f.now += seconds(1);
  CHECK(f.q.change_visibility(first[0].receipt, seconds(9), f.now) == queue::answer::not_in_flight);
  const auto second = f.receive();
  CHECK(f.q.change_visibility(first[0].receipt, seconds(9), f.now) == queue::answer::gone);
  f.remove(second[0]);
  CHECK(f.q.change_visibility(second[0].receipt, seconds(9), f.now) == queue::answer::gone);
}

TEST_CASE("a delayed message shows when its own delay ends, or the queue's") {
  queue_fixture f(attribute_map{{"DelaySeconds", "5"}});
  f.send("queue's");
  f.send("own", seconds(2));
  f.send("none", seconds(0));
  CHECK(f.q.count(f.now) == queue::counts{1, 0, 2});
  CHECK(f.q.next_due() == f.now + seconds(2));
  CHECK(f.bodies() == strings{"none"});
  f.now += seconds(2);
  CHECK(f.bodies() == strings{"own"});
  f.now += seconds(3);
  CHECK(f.bodies() == strings{"queue's"});
}

TEST_CASE("messages older than the retention are not received, and soon not counted") {
  queue_fixture f(attribute_map{{"MessageRetentionPeriod", "60"}});
  f.send("old");
  f.now += seconds(59);
  f.send("new");
  CHECK(f.q.count(f.now).visible == 2);
  f.now += seconds(1);
  CHECK(f.bodies(1) == strings{"new"});
  f.now += seconds(60);
  CHECK(f.q.count(f.now) == queue::counts{});
  CHECK(f.q.total().expired == 2);
}

TEST_CASE(
    "a message received too often goes to the dead-letter queue with its identity, at the next receive") {
  queue_fixture dead, f;
  const auto policy = R"({"deadLetterTargetArn":"arn:x","maxReceiveCount":"2"})";
  REQUIRE(f.q.apply({{"RedrivePolicy", policy}}, f.now));
  f.q.dead_letter_queue(&dead.q);
  const auto sent = f.send("poison");
  for (int i = 0; i < 2; ++i) {
    CHECK(f.bodies(1, seconds(1)) == strings{"poison"});
    f.now += seconds(1);
  }
  CHECK(dead.q.count(f.now).visible == 0);
  CHECK(f.bodies().empty());
  CHECK(f.q.count(f.now) == queue::counts{});
  dead.now = f.now;
  const auto r = dead.receive();
  REQUIRE(r.size() == 1);
  CHECK(r[0].what->id == sent.id);
  CHECK(r[0].what->sent == f.now - seconds(2));
  CHECK(r[0].what->receive_count == 3);
  CHECK(r[0].what->dead_letter_source == &f.arn);
}

TEST_CASE("at 120,000 messages in flight a standard queue is over its limit, a FIFO queue seems empty") {
  queue_fixture standard, fifo(attribute_map{{"ContentBasedDeduplication", "true"}}, true);
  for (std::size_t i = 0; i < queue::in_flight_max + 5; ++i) {
    standard.send("x");
    fifo.send_to("g" + std::to_string(i), "x", std::to_string(i));
  }
  for (queue_fixture* f : {&standard, &fifo}) {
    std::size_t count = 0;
    while (f->q.count(f->now).in_flight < queue::in_flight_max) count += f->receive().size();
    CHECK(count == queue::in_flight_max);
  }
  std::vector<queue::received> out;
  CHECK(standard.q.receive({10, seconds(1)}, standard.now, out).error().type == "OverLimit");
  CHECK(fifo.receive().empty());
}

TEST_CASE("a queue is emptied at most once a minute") {
  queue_fixture f;
  f.send("a");
  f.send("b");
  f.receive(1);
  CHECK(f.q.purge(f.now));
  CHECK(f.q.count(f.now) == queue::counts{});
  f.now += seconds(59);
  CHECK_FALSE(f.q.purge(f.now));
  f.now += seconds(1);
  CHECK(f.q.purge(f.now));
}

TEST_CASE("a duplicate is a second delivery of the same message") {
  queue_fixture f;
  const auto sent = f.send("a");
  const auto first = f.receive();
  f.q.duplicate(*first[0].what, f.now);
  f.remove(first[0]);
  const auto second = f.receive();
  REQUIRE(second.size() == 1);
  CHECK(second[0].what->id == sent.id);
}

struct counting_waiter final : waiter {
  void wake() noexcept override { ++woken; }
  int woken = 0;
};

TEST_CASE("who waits is woken by a message, one waiter for each, in order") {
  queue_fixture f;
  counting_waiter a, b;
  f.q.wait(a);
  f.q.wait(b);
  f.send("1");
  CHECK(a.woken == 1);
  CHECK(b.woken == 0);
  f.send("2");
  CHECK(b.woken == 1);
  f.send("3");
  CHECK(a.woken == 1);
}

TEST_CASE("who waits is woken when something will be due earlier than it was told") {
  queue_fixture f;
  counting_waiter w;
  f.send("a", seconds(10));
  f.q.wait(w);
  f.send("later", seconds(20));
  CHECK(w.woken == 0);
  f.send("earlier", seconds(1));
  CHECK(w.woken == 1);
}

TEST_CASE("who waits is woken when the queue goes") {
  counting_waiter w;
  {
    queue_fixture f;
    f.q.wait(w);
  }
  CHECK(w.woken == 1);
}

}  // namespace
}  // namespace sluice::sqs_server
