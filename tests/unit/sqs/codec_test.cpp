#include "sqs/codec.hpp"

#include <simdjson.h>

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "sqs/md5.hpp"
#include "support/padded.hpp"
#include "support/repository.hpp"
#include "support/seed.hpp"

using namespace sluice;
using namespace sluice::sqs;
using tests::padded;
using namespace std::chrono_literals;

namespace {

// Any valid UTF-8: all lengths of sequences, control characters, quotes.
std::string random_utf8(std::mt19937_64& random, std::size_t characters) {
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    char32_t c = 0;
    switch (random() % 6) {
      case 0: c = static_cast<char32_t>(random() % 0x20); break;
      case 1: c = U"\"\\/\x7f"[random() % 4]; break;
      case 2: c = static_cast<char32_t>(0x80 + random() % 0x780); break;
      case 3: c = static_cast<char32_t>(0x800 + random() % 0xd000); break;
      case 4: c = static_cast<char32_t>(0x10000 + random() % 0x100000); break;
      default: c = static_cast<char32_t>('a' + random() % 26);
    }
    const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
      tail(0);
    } else if (c < 0x10000) {
      text += static_cast<char>(0xe0 | c >> 12);
      tail(6);
      tail(0);
    } else {
      text += static_cast<char>(0xf0 | c >> 18);
      tail(12);
      tail(6);
      tail(0);
    }
  }
  return text;
}

std::string reason(const auto& r) {
  return r ? "none" : r.error().what;
}

std::string digest_of(std::string_view body) {
  md5_hex hex{};
  md5_each(std::span(&body, 1), std::span(&hex, 1));
  return {hex.data(), hex.size()};
}

}  // namespace

TEST_CASE("requests are as botocore writes them, but for blanks") {
  std::string out;
  encode_get_queue_url(out, "login-queue");
  CHECK(out == R"({"QueueName":"login-queue"})");
  encode_create_queue(out, "q", {});
  CHECK(out == R"({"QueueName":"q","Attributes":{}})");
  encode_create_queue(out, "q", {{"A", "1"}, {"RedrivePolicy", R"({"maxReceiveCount":5})"}});
  CHECK(out == R"({"QueueName":"q","Attributes":{"A":"1","RedrivePolicy":"{\"maxReceiveCount\":5}"}})");
  encode_get_attributes(out, "u");
  CHECK(out == R"({"QueueUrl":"u","AttributeNames":["All"]})");
  encode_purge(out, "u");
  CHECK(out == R"({"QueueUrl":"u"})");
  encode_receive(out, "u", {.messages_max = 7, .wait = 3s});
  CHECK(out == R"({"QueueUrl":"u","MaxNumberOfMessages":7,"WaitTimeSeconds":3,"MessageSystemAttributeNames":)"
               R"(["SentTimestamp","ApproximateReceiveCount","MessageGroupId"]})");
  encode_receive(out, "u", {.visibility = 60s, .trace_header = true});
  CHECK(out == R"({"QueueUrl":"u","MaxNumberOfMessages":10,"WaitTimeSeconds":20,"VisibilityTimeout":60,)"
               R"("MessageSystemAttributeNames":)"
               R"(["SentTimestamp","ApproximateReceiveCount","MessageGroupId","AWSTraceHeader"]})");
  const std::string attributes[] = {"tenant", "a\"b"};
  encode_receive(out, "u", {.attributes = attributes});
  CHECK(out.ends_with(R"("MessageGroupId"],"MessageAttributeNames":["tenant","a\"b"]})"));
  const std::string_view handles[] = {"h+/=", "g"};
  encode_delete_batch(out, "u", handles);
  CHECK(out ==
        R"({"QueueUrl":"u","Entries":[{"Id":"0","ReceiptHandle":"h+/="},{"Id":"1","ReceiptHandle":"g"}]})");
  encode_change_visibility_batch(out, "u", handles, 0s);
  CHECK(out == R"({"QueueUrl":"u","Entries":[{"Id":"0","ReceiptHandle":"h+/=","VisibilityTimeout":0},)"
               R"({"Id":"1","ReceiptHandle":"g","VisibilityTimeout":0}]})");
  const outgoing messages[] = {{"{\"a\":1}", "", "", {}}, {"b", "g", "d", {{"k", "v"}, {"l", "w"}}}};
  encode_send_batch(out, "u", messages);
  CHECK(out == R"({"QueueUrl":"u","Entries":[{"Id":"0","MessageBody":"{\"a\":1}"},)"
               R"({"Id":"1","MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d",)"
               R"("MessageAttributes":{"k":{"DataType":"String","StringValue":"v"},)"
               R"("l":{"DataType":"String","StringValue":"w"}}}]})");
}

TEST_CASE("any text survives the way through JSON") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  simdjson::dom::parser parser;
  for (int i = 0; i < 3'000; ++i) {
    const std::string text = random_utf8(random, random() % 80);
    std::string json;
    append_json_string(json, text);
    CAPTURE(i, json);
    std::string_view read;
    REQUIRE(parser.parse(json).get(read) == simdjson::SUCCESS);
    REQUIRE(read == text);
  }
}

TEST_CASE("messages are read with their attributes") {
  decoder d;
  const padded reply(
      R"({"Messages":[{"MessageId":"219f8380-5770-4cc2-8c3e-5c715e145f5e","ReceiptHandle":"AQE+/=",)"
      R"("MD5OfBody":"5d41402abc4b2a76b9719d911017c592","Body":"hello","Attributes":{"SentTimestamp":)"
      R"("1767323045123","ApproximateReceiveCount":"3","MessageGroupId":"g","AWSTraceHeader":"Root=1",)"
      R"("SenderId":"AIDA"},"Unknown":{"deep":[1,2]}},)"
      R"({"Body":"{\"a\":\"\u00e9\"}","ReceiptHandle":"r","MessageId":"m","Attributes":null}]})");
  const auto messages = d.messages(reply.view());
  REQUIRE(messages.has_value());
  REQUIRE(messages->size() == 2);
  const message& m = messages->front();
  CHECK(m.message_id == "219f8380-5770-4cc2-8c3e-5c715e145f5e");
  CHECK(m.receipt_handle == "AQE+/=");
  CHECK(m.body == "hello");
  CHECK(m.sent_ms == 1767323045123);
  CHECK(m.receive_count == 3);
  CHECK(m.group_id == "g");
  CHECK(m.trace_header == "Root=1");
  CHECK(m.digests_ok);
  CHECK(messages->back().body == "{\"a\":\"é\"}");
  CHECK(messages->back().sent_ms == 0);
  CHECK(messages->back().digests_ok);
}

TEST_CASE("message attributes belong to their messages, and are text") {
  decoder d;
  const padded reply(
      R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"x","MessageAttributes":)"
      R"({"tenant":{"DataType":"String","StringValue":"acme"},"n":{"DataType":"Number","StringValue":"7"}}},)"
      R"({"MessageId":"2","ReceiptHandle":"r","Body":"x","MessageAttributes":null},)"
      R"({"MessageId":"3","ReceiptHandle":"r","Body":"x","MessageAttributes":)"
      R"({"blob":{"DataType":"Binary","BinaryValue":"AAE="}}}]})");
  const auto messages = d.messages(reply.view());
  REQUIRE(messages.has_value());
  const auto& first = (*messages)[0].attributes;
  REQUIRE(first.size() == 2);
  CHECK(first[0].name == "tenant");
  CHECK(first[0].value == "acme");
  CHECK(first[1].value == "7");
  CHECK((*messages)[1].attributes.empty());
  REQUIRE((*messages)[2].attributes.size() == 1);
  CHECK((*messages)[2].attributes[0].value == "AAE=");
  for (const char* attributes : {"[]", "7", R"({"a":7})", R"({"a":{}})", R"({"a":{"StringValue":7}})"}) {
    INFO(attributes);
    const padded bad(
        std::string(R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"x","MessageAttributes":)") +
        attributes + "}]}");
    CHECK_FALSE(d.messages(bad.view()).has_value());
  }
}

TEST_CASE("a body with another digest is marked, and the others are not") {
  decoder d;
  const padded reply(
      R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"hellO","MD5OfBody":"5d41402abc4b2a76b9719d911017c592"},)"
      R"({"MessageId":"2","ReceiptHandle":"r","Body":"hello","MD5OfBody":"5d41402abc4b2a76b9719d911017c592"}]})");
  const auto messages = d.messages(reply.view());
  REQUIRE(messages.has_value());
  CHECK(!(*messages)[0].digests_ok);
  CHECK((*messages)[1].digests_ok);
}

TEST_CASE("the digest of attributes is the one that SQS was recorded to give") {
  decoder d;
  const auto are_taken = [&](std::string_view attributes, std::string_view digest) {
    const padded reply(
        R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"x","MD5OfMessageAttributes":")" +
        std::string(digest) + R"(","MessageAttributes":)" + std::string(attributes) + "}]}");
    const auto messages = d.messages(reply.view());
    REQUIRE(messages.has_value());
    return messages->front().digests_ok;
  };
  simdjson::dom::parser parser;
  const auto recorded =
      parser.load(tests::repository_file("tests/data/aws/extra.json"))["md5_attrs"].get_array().value();
  REQUIRE(recorded.size() == 3);
  for (const simdjson::dom::element one : recorded) {
    std::string attributes = simdjson::minify(one["attrs"]);
    if (const auto at = attributes.find("_base64"); at != attributes.npos) attributes.erase(at, 7);
    CAPTURE(attributes);
    const std::string digest(one["md5"].get_string().value());
    CHECK(are_taken(attributes, digest));
    CHECK_FALSE(are_taken(attributes, "0" + digest.substr(1)));
    const auto type = attributes.find(R"("DataType":")") + 12;
    CHECK_FALSE(are_taken(attributes.insert(type, "X"), digest));
  }
  // A digest of nothing that was given says nothing.
  CHECK(are_taken("null", "a512aac9938034acb0b3c3d965944bf1"));
  CHECK(are_taken("{}", "a512aac9938034acb0b3c3d965944bf1"));
  CHECK_FALSE(are_taken(R"({"a":{"StringValue":"x"}})", "a512aac9938034acb0b3c3d965944bf1"));
  CHECK_FALSE(
      are_taken(R"({"a":{"DataType":"Binary","BinaryValue":"?"}})", "a512aac9938034acb0b3c3d965944bf1"));
}

TEST_CASE("a body can be parsed where it lies") {
  decoder d;
  simdjson::dom::parser inner;
  const padded reply(R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"{\"a\":1}"},)"
                     R"({"MessageId":"2","ReceiptHandle":"r","Body":"{\"a\":2}"}]})");
  const auto messages = d.messages(reply.view());
  REQUIRE(messages.has_value());
  std::int64_t expected = 1;
  for (const message& m : *messages) {
    CHECK(inner.parse(m.body.data(), m.body.size(), false)["a"].get_int64().value() == expected++);
  }
}

TEST_CASE("an answer without messages is none") {
  decoder d;
  for (const char* reply : {"{}", R"({"Messages":null})", R"({"Messages":[]})", "", R"({"Other":1})"}) {
    INFO(reply);
    const auto messages = d.messages(padded(reply).view());
    REQUIRE(messages.has_value());
    CHECK(messages->empty());
  }
}

TEST_CASE("an answer that the protocol does not allow is refused") {
  decoder d;
  for (
      const char* reply :
      {"[]", "null", "1", "<html>", "{", R"({"Messages":{}})", R"({"Messages":["x"]})",
       R"({"Messages":[{}]})", R"({"Messages":[{"MessageId":"1","Body":"b"}]})",
       R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r"}]})",
       R"({"Messages":[{"MessageId":1,"ReceiptHandle":"r","Body":"b"}]})",
       R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":null}]})",
       R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"b","Attributes":[]}]})",
       R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"b","Attributes":{"SentTimestamp":"1x"}}]})",
       R"({"Messages":[{"MessageId":"1","ReceiptHandle":"r","Body":"b","Attributes":{"SentTimestamp":""}}]})"}) {
    INFO(reply);
    const padded text(reply);
    const auto messages = d.messages(text.view());
    REQUIRE(!messages);
    CHECK(messages.error().code == errc::bad_answer);
  }
}

TEST_CASE("ten messages of 1 MiB, every byte escaped, are read") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  std::vector<std::string> bodies;
  std::string reply = R"({"Messages":[)";
  for (int i = 0; i < 10; ++i) {
    bodies.emplace_back(1024 * 1024, "\"\n\\\x01"[random() % 4]);
    reply += i == 0 ? "" : ",";
    reply +=
        R"({"MessageId":"m","ReceiptHandle":"r","MD5OfBody":")" + digest_of(bodies.back()) + R"(","Body":)";
    append_json_string(reply, bodies.back());
    reply += '}';
  }
  decoder d;
  const padded large(reply + "]}");
  const auto messages = d.messages(large.view());
  REQUIRE(messages.has_value());
  REQUIRE(messages->size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK((*messages)[i].body == bodies[i]);
    CHECK((*messages)[i].digests_ok);
  }
  CHECK(d.messages(padded("{}").view())->empty());
}

TEST_CASE("what of a batch was not done is listed") {
  decoder d;
  const auto of = [&](const char* reply, std::size_t entries) {
    const padded text(reply);
    const auto failed = d.failures(text.view(), entries);
    if (!failed) return "refused: " + failed.error().what;
    std::string said;
    for (const batch_failure& f : *failed) {
      said += std::to_string(f.index) + (f.sender_fault ? "!" : "") + f.code + ' ';
    }
    return said;
  };
  CHECK(of(R"({"Successful":[{"Id":"0"},{"Id":"1"}]})", 2) == "");
  CHECK(of(R"({"Successful":[{"Id":"1"},{"Id":"0"}],"Failed":[]})", 2) == "");
  CHECK(
      of(R"({"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"ReceiptHandleIsInvalid",)"
         R"("Message":"secret"}]})",
         2) == "1!ReceiptHandleIsInvalid ");
  CHECK(of(R"({"Successful":null,"Failed":[{"Id":"0","SenderFault":false,"Code":"InternalError"}]})", 1) ==
        "0InternalError ");
  CHECK(of("{}", 2) == "0Missing 1Missing ");
  CHECK(of("", 1) == "0Missing ");
  // In both lists: not done. Ids that are not ours, and no ids: ignored.
  CHECK(of(R"({"Successful":[{"Id":"0"}],"Failed":[{"Id":"0","Code":"X"}]})", 1) == "0X ");
  CHECK(of(R"({"Successful":[{"Id":"7"},{"Id":"x"},{}],"Failed":[{"Id":"-1"}]})", 1) == "0Missing ");
  CHECK(of(R"({"Failed":[{"Id":"0","SenderFault":"yes","Code":"not a <name>"}]})", 1) == "0 ");
  CHECK(of(R"({"Failed":[{"Id":"0","Code":"X"},{"Id":"0","Code":"Y"}]})", 1) == "0X ");
  CHECK(of(R"({"Failed":{}})", 1).starts_with("refused: "));
  CHECK(of(R"({"Successful":[1]})", 1).starts_with("refused: "));
  CHECK(of(R"({"Successful":[{"Id":"0"},{"Id":"9"}]})", 10) ==
        "1Missing 2Missing 3Missing 4Missing 5Missing 6Missing 7Missing 8Missing ");
}

TEST_CASE("URL and attributes of a queue are read") {
  decoder d;
  CHECK(*d.queue_url(padded(R"({"QueueUrl":"http://h/1/q"})").view()) == "http://h/1/q");
  CHECK(reason(d.queue_url(padded("{}").view())) == "the answer has no QueueUrl");
  const auto attributes =
      d.attributes(padded(R"({"Attributes":{"VisibilityTimeout":"30","RedrivePolicy":"{\"a\":1}"}})").view());
  REQUIRE(attributes.has_value());
  CHECK(*attributes ==
        std::map<std::string, std::string>{{"VisibilityTimeout", "30"}, {"RedrivePolicy", "{\"a\":1}"}});
  CHECK(d.attributes(padded("{}").view())->empty());
  CHECK(d.attributes(padded("").view())->empty());
  CHECK(reason(d.attributes(padded(R"({"Attributes":{"A":1}})").view())) == "an attribute is not a string");
}

TEST_CASE("refusals are recognised by whichever name is known") {
  decoder d;
  const auto of = [&](unsigned status, const char* body, const char* type = "", const char* query = "") {
    return d.refused(status, padded(body).view(), type, query);
  };
  const refusal missing =
      of(400, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue"})", "",
         "AWS.SimpleQueueService.NonExistentQueue;Sender");
  CHECK(missing.code == aws_errc::queue_does_not_exist);
  CHECK(missing.name == "QueueDoesNotExist");
  CHECK(missing.text == "The specified queue");
  CHECK(
      of(400, R"({"__type":"com.amazon.coral.service#InvalidParameterValueException","Message":"m"})").text ==
      "m");
  CHECK(of(400, "", "AccessDeniedException:http://internal/").code == aws_errc::access_denied);
  CHECK(of(400, R"({"code":"ExpiredToken"})").code == aws_errc::expired_token);
  CHECK(of(400, "{}", "", "AWS.SimpleQueueService.PurgeQueueInProgress;Sender").code ==
        aws_errc::purge_in_progress);
  CHECK(of(403, R"({"__type":"RequestThrottled"})").code == aws_errc::throttled);
  // A strange name in the body, a known one in the header.
  const refusal second = of(400, R"({"__type":"New#Thing"})", "", "OverLimit;Sender");
  CHECK(second.code == aws_errc::over_limit);
  CHECK(second.name == "OverLimit");
  const refusal unknown = of(400, R"({"__type":"New#Thing"})");
  CHECK(unknown.code == aws_errc::unknown);
  CHECK(unknown.name == "Thing");
}

TEST_CASE("refusals without a name go by their status") {
  decoder d;
  for (const char* body :
       {"", "{}", "[]", "<html>503</html>", "{\"__type\":7}", "{\"__type\":\"<script>\"}"}) {
    INFO(body);
    const refusal r = d.refused(503, padded(body).view(), "", "");
    CHECK(r.code == http_status(503));
    CHECK(r.name.empty());
  }
  CHECK(d.refused(503, padded(R"({"__type":"NewFault"})").view(), "", "").code == http_status(503));
}

TEST_CASE("dates of headers are read") {
  CHECK(parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT") == std::chrono::sys_seconds(1767323045s));
  CHECK(parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT") == std::chrono::sys_seconds(1709251199s));
  for (const char* text :
       {"", "now", "Fri, 02 Jan 2026 03:04:05 CET", "Fri, 31 Feb 2026 03:04:05 GMT",
        "Fri, 02 anF 2026 03:04:05 GMT", "Fri, xx Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 -3:04:05 GMT"}) {
    INFO(text);
    CHECK(!parse_http_date(text));
  }
}
