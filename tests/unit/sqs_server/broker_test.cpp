#include "support/sqs_server/broker.hpp"

#include <catch2/catch_test_macros.hpp>

#include "support/sqs_server/payload.hpp"
#include "unit/sqs_server/outcome_printer.hpp"

namespace sluice::sqs_server {
namespace {

struct broker_fixture {
  queue& create(std::string_view name, const attribute_map& attributes = {}) {
    return *b.create(name, attributes, now).value();
  }
  std::string error_of(std::string_view name, const attribute_map& attributes = {}) {
    auto created = b.create(name, attributes, now);
    return created ? "" : std::string(created.error().type) + ": " + created.error().message;
  }
  attribute_map redrive(const queue& target, int count = 1) {
    return {{"RedrivePolicy", R"({"deadLetterTargetArn":")" + target.arn() + R"(","maxReceiveCount":)" +
                                  std::to_string(count) + "}"}};
  }
  std::vector<queue::received> receive(queue& q) {
    std::vector<queue::received> out;
    q.receive({10, seconds(1)}, now, out).value();
    return out;
  }
  /// Sends to `source` and receives too often.
  void make_dead(queue& source, int count) {
    for (int i = 0; i < count; ++i) b.send(source, make_payload(std::to_string(i)), {}, now);
    for (int i = 0; i < count; i += 10) receive(source);
    now += seconds(1);
    while (source.count(now).visible > 0) receive(source);
  }

  instant now{milliseconds(1'800'000'000'000)};
  broker b{{}};
};

TEST_CASE("creating a queue again gives it, unless an attribute differs") {
  broker_fixture f;
  queue& q = f.create("q", {{"DelaySeconds", "1"}});
  CHECK(&f.create("q") == &q);
  CHECK(&f.create("q", {{"DelaySeconds", "1"}}) == &q);
  CHECK(f.error_of("q", {{"DelaySeconds", "2"}}) ==
        "QueueNameExists: A queue already exists with the same name and a different value for attribute "
        "DelaySeconds");
}

TEST_CASE("names and types of queues are checked") {
  broker_fixture f;
  CHECK(f.error_of("") != "");
  CHECK(f.error_of("a b") != "");
  CHECK(f.error_of("q.fifo") != "");  // without the attribute
  CHECK(f.error_of("q", {{"FifoQueue", "true"}}) != "");
  CHECK(f.error_of(std::string(81, 'q')) != "");
  CHECK(f.error_of(std::string(80, 'q')) == "");
  CHECK(f.error_of(std::string(75, 'q') + ".fifo", {{"FifoQueue", "true"}}) == "");
  CHECK(f.error_of("q1", {{"FifoQueue", "false"}}) == "InvalidAttributeName: Unknown Attribute FifoQueue.");
}

TEST_CASE("attributes are checked by name, range and type of queue") {
  broker_fixture f;
  queue& q = f.create("q");
  const auto set = [&](const char* name, const char* value) {
    auto done = f.b.set_attributes(q, {{name, value}}, f.now);
    return done ? std::string() : std::string(done.error().type);
  };
  CHECK(set("VisibilityTimeout", "43200").empty());
  CHECK(set("VisibilityTimeout", "43201") == "InvalidAttributeValue");
  CHECK(set("VisibilityTimeout", "-1") == "InvalidAttributeValue");
  CHECK(set("VisibilityTimeout", "1s") == "InvalidAttributeValue");
  CHECK(set("MaximumMessageSize", "1048577") == "InvalidAttributeValue");
  CHECK(set("MessageRetentionPeriod", "59") == "InvalidAttributeValue");
  CHECK(set("ReceiveMessageWaitTimeSeconds", "21") == "InvalidAttributeValue");
  CHECK(set("SqsManagedSseEnabled", "yes") == "InvalidAttributeValue");
  CHECK(set("Nonsense", "1") == "InvalidAttributeName");
  CHECK(set("ContentBasedDeduplication", "true") == "InvalidAttributeName");
  CHECK(set("RedrivePolicy", "{") != "");
  CHECK(set("RedrivePolicy",
            R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":1})") ==
        "InvalidParameterValueException");
  CHECK(set("RedrivePolicy",
            R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:q","maxReceiveCount":1})") ==
        "InvalidParameterValueException");
  CHECK(q.settings().visibility() == seconds(43'200));
}

TEST_CASE("a redrive policy takes its count as number or text, from 1 to 1000") {
  const auto parse = [](const char* count) {
    return parse_redrive_policy(std::string(R"({"deadLetterTargetArn":"arn:x","maxReceiveCount":)") + count +
                                "}");
  };
  CHECK(parse("5")->receives_max == 5);
  CHECK(parse("\"1000\"")->receives_max == 1000);
  CHECK_FALSE(parse("0"));
  CHECK_FALSE(parse("1001"));
  CHECK_FALSE(parse("\"many\""));
  CHECK_FALSE(parse_redrive_policy(R"({"maxReceiveCount":5})"));
}

TEST_CASE("a dead-letter queue must be of the type of its source") {
  broker_fixture f;
  queue& dead = f.create("dead");
  auto attributes = f.redrive(dead);
  attributes["FifoQueue"] = "true";
  CHECK(f.error_of("q.fifo", attributes).find("same type") != std::string::npos);
}

TEST_CASE("sources keep their dead letters when the dead-letter queue has gone") {
  broker_fixture f;
  queue& dead = f.create("dead");
  queue& q = f.create("q", f.redrive(dead));
  CHECK(f.b.sources_of(dead) == std::vector<const queue*>{&q});
  f.b.remove(dead, f.now);
  f.b.send(q, make_payload("x"), {}, f.now);
  for (int i = 0; i < 3; ++i) {
    CHECK(f.receive(q).size() == 1);
    f.now += seconds(1);
  }
}

TEST_CASE("a queue cannot be created within a minute of its end") {
  broker_fixture f;
  f.b.remove(f.create("q"), f.now);
  CHECK(f.b.find("q") == nullptr);
  f.now += seconds(59);
  CHECK(f.error_of("q").starts_with("QueueDeletedRecently"));
  f.now += seconds(1);
  CHECK(f.error_of("q") == "");
}

TEST_CASE("a move task takes dead letters back to their sources, as new messages") {
  broker_fixture f;
  queue& dead = f.create("dead");
  queue& q = f.create("q", f.redrive(dead));
  f.make_dead(q, 25);
  REQUIRE(dead.count(f.now).visible == 25);
  REQUIRE(f.b.start_move(dead.arn(), "", std::nullopt, f.now));
  CHECK_FALSE(f.b.advance_moves(f.now));
  CHECK(dead.count(f.now).visible == 0);
  CHECK(q.count(f.now).visible == 25);
  const auto r = f.receive(q);
  CHECK(r[0].what->receive_count == 1);
  CHECK(r[0].what->sent == f.now);
  const auto tasks = f.b.moves_of(dead.arn(), f.now).value();
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0]->status == move_task::state::completed);
  CHECK(tasks[0]->moved == 25);
}

TEST_CASE("a move task keeps to its rate, and can be cancelled") {
  broker_fixture f;
  queue& dead = f.create("dead");
  queue& q = f.create("q", f.redrive(dead));
  queue& other = f.create("other");
  f.make_dead(q, 20);
  const auto* task = f.b.start_move(dead.arn(), other.arn(), 2, f.now).value();
  f.now += milliseconds(2'600);
  CHECK(f.b.advance_moves(f.now));
  CHECK(other.count(f.now).visible == 5);
  CHECK(f.b.start_move(dead.arn(), "", std::nullopt, f.now)
            .error()
            .message.starts_with("There is already a task"));
  CHECK(f.b.cancel_move(task->handle, f.now).value()->moved == 5);
  f.now += seconds(60);
  CHECK_FALSE(f.b.advance_moves(f.now));
  CHECK(dead.count(f.now).visible == 15);
  CHECK(f.b.cancel_move(task->handle, f.now).error().message == "Task does not exist.");
}

TEST_CASE("a move task without a way home fails and says so") {
  broker_fixture f;
  queue& dead = f.create("dead");
  f.create("q", f.redrive(dead));
  f.b.send(dead, make_payload("sent straight here"), {}, f.now);
  const auto* task = f.b.start_move(dead.arn(), "", std::nullopt, f.now).value();
  f.b.advance_moves(f.now);
  CHECK(task->status == move_task::state::failed);
  CHECK(task->failure_reason == "CouldNotDetermineMessageSource");
  CHECK(dead.count(f.now).visible == 1);
}

TEST_CASE("move tasks of queues that cannot have them are refused by name") {
  broker_fixture f;
  queue& q = f.create("q");
  const std::string none = "arn:aws:sqs:us-east-1:000000000000:none";
  CHECK(f.b.start_move(none, "", std::nullopt, f.now).error().type == "ResourceNotFoundException");
  CHECK(f.b.start_move(q.arn(), "", std::nullopt, f.now).error().message ==
        "Source queue must be configured as a Dead Letter Queue.");
  CHECK(f.b.cancel_move("nonsense", f.now).error().message == "Value for parameter TaskHandle is invalid.");
}

}  // namespace
}  // namespace sluice::sqs_server
