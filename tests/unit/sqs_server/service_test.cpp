#include "support/sqs_server/service.hpp"

#include <simdjson.h>

#include <catch2/catch_test_macros.hpp>

namespace sluice::sqs_server {
namespace {

/// Calls operations as a client would, without a socket and without signatures.
struct service_fixture {
  explicit service_fixture(bool check_signatures = false) : s({check_signatures}, queues, keys, 1) {}

  /// The reply's body; `last` has the rest.
  std::string call(std::string_view operation, std::string_view body,
                   std::string_view content_type = "application/x-amz-json-1.0") {
    const std::string target = "AmazonSQS." + std::string(operation);
    padded.assign(body);
    padded.reserve(padded.size() + simdjson::SIMDJSON_PADDING);
    http_request r;
    r.method = "POST";
    r.target = "/";
    r.headers = {{"Host", "127.0.0.1:9324"}, {"Content-Type", content_type}, {"X-Amz-Target", target}};
    r.body = padded;
    s.handle(r, true, now, last);
    const std::string_view text = last.finish("id", "date", true);
    return std::string(text.substr(text.find("\r\n\r\n") + 4));
  }
  /// "legacy code, status: message" of a call that must fail.
  std::string error(std::string_view operation, std::string_view body) {
    const std::string text = call(operation, body);
    simdjson::dom::parser parser;
    std::string_view type, message;
    const simdjson::dom::element e = parser.parse(text);
    REQUIRE(e["__type"].get(type) == simdjson::SUCCESS);
    REQUIRE(e["message"].get(message) == simdjson::SUCCESS);
    return last.query_error + ", " + std::to_string(last.status) + ": " + std::string(message);
  }
  std::string send_batch(std::string_view entries) {
    return "{" + url() + R"(,"Entries":[)" + std::string(entries) + "]}";
  }
  static std::string url(std::string_view queue = "q") {
    return R"("QueueUrl":"http://127.0.0.1:9324/000000000000/)" + std::string(queue) + '"';
  }
  std::string with(std::string_view members) { return "{" + url() + "," + std::string(members) + "}"; }
  void create() { call("CreateQueue", R"({"QueueName":"q"})"); }
  std::string receipt() {
    const std::string text = call("ReceiveMessage", with(R"("VisibilityTimeout":5)"));
    const auto at = text.find("ReceiptHandle\":\"");
    REQUIRE(at != std::string::npos);
    return text.substr(at + 16, receipt_codec::text_size);
  }

  instant now{milliseconds(1'800'000'000'000)};
  broker queues{{}};
  verifier keys{{}};
  service s;
  reply last;
  std::string padded;
};

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST_CASE("a message goes in and comes out, with digests and attributes") {
  service_fixture f;
  f.create();
  const std::string sent =
      f.call("SendMessage", f.with(R"("MessageBody":"a \"b\"\n\u00e9","MessageAttributes":
      {"timestamp":{"DataType":"Number","StringValue":"1493147359900"}})"));
  CHECK(sent.find(R"("MD5OfMessageAttributes":"235c5c510d26fb653d073faed50ae77c")") != std::string::npos);
  f.now += milliseconds(7);
  const std::string got = f.call(
      "ReceiveMessage", f.with(R"("MessageSystemAttributeNames":["All"],"MessageAttributeNames":["All"])"));
  for (const char* part :
       {R"("Body":"a \"b\"\né")", R"("MD5OfMessageAttributes":"235c5c510d26fb653d073faed50ae77c")",
        R"("MessageAttributes":{"timestamp":{"DataType":"Number","StringValue":"1493147359900"}})",
        R"("SentTimestamp":"1800000000000")", R"("ApproximateFirstReceiveTimestamp":"1800000000007")",
        R"("ApproximateReceiveCount":"1")"}) {
    CAPTURE(part, got);
    CHECK(got.find(part) != std::string::npos);
  }
}

TEST_CASE("only the attributes that were asked for are returned, and the digest covers those") {
  service_fixture f;
  f.create();
  f.call("SendMessage", f.with(R"("MessageBody":"x","MessageAttributes":{
      "timestamp":{"DataType":"Number","StringValue":"1493147359900"},
      "z.one":{"DataType":"Binary","BinaryValue":"AAE="},"z.two":{"DataType":"String","StringValue":"2"}})"));
  const std::string one = f.call(
      "ReceiveMessage", f.with(R"("VisibilityTimeout":0,"MessageAttributeNames":["timestamp","absent"])"));
  CHECK(one.find(R"("MD5OfMessageAttributes":"235c5c510d26fb653d073faed50ae77c")") != std::string::npos);
  CHECK(one.find("z.one") == std::string::npos);
  const std::string prefix =
      f.call("ReceiveMessage", f.with(R"("VisibilityTimeout":0,"MessageAttributeNames":["z.*"])"));
  CHECK(prefix.find(R"("z.one":{"DataType":"Binary","BinaryValue":"AAE="})") != std::string::npos);
  CHECK(prefix.find("z.two") != std::string::npos);
  CHECK(prefix.find("timestamp") == std::string::npos);
  const std::string none = f.call("ReceiveMessage", f.with(R"("VisibilityTimeout":0)"));
  CHECK(none.find("MessageAttributes") == std::string::npos);
  CHECK(none.find("\"Attributes\"") == std::string::npos);
}

TEST_CASE("an empty queue gives an empty object at once, or the long poll's end") {
  service_fixture f;
  f.create();
  CHECK(f.call("ReceiveMessage", f.with(R"("WaitTimeSeconds":0)")) == "{}");
  f.call("ReceiveMessage", f.with(R"("WaitTimeSeconds":20)"));
  REQUIRE(f.last.waiting);
  const receive_call waiting = *f.last.waiting;
  f.now += milliseconds(19'999);
  CHECK_FALSE(f.s.resume(waiting, f.now, f.last));
  f.now += milliseconds(1);
  CHECK(f.s.resume(waiting, f.now, f.last));
  CHECK(f.last.finish("id", "date", true).ends_with("\r\n\r\n{}"));
}

TEST_CASE("a long poll ends with the queue") {
  service_fixture f;
  f.create();
  f.call("ReceiveMessage", f.with(R"("WaitTimeSeconds":20)"));
  const receive_call waiting = *f.last.waiting;
  f.call("DeleteQueue", "{" + f.url() + "}");
  CHECK(f.s.resume(waiting, f.now, f.last));
  CHECK(f.last.query_error == "AWS.SimpleQueueService.NonExistentQueue;Sender");
}

TEST_CASE("errors of requests have the names, codes and texts of SQS") {
  service_fixture f;
  f.create();
  CHECK(f.error("ReceiveMessage", "{" + f.url("none") + "}") ==
        "AWS.SimpleQueueService.NonExistentQueue;Sender, 400: The specified queue does not exist.");
  CHECK(f.error("ReceiveMessage", R"({"QueueUrl":"http://x/999999999999/q"})").starts_with("AWS.Simple"));
  CHECK(f.error("ReceiveMessage", "{}") ==
        "MissingParameter;Sender, 400: The request must contain the parameter QueueUrl.");
  CHECK(f.error("ReceiveMessage", f.with(R"("MaxNumberOfMessages":11)")) ==
        "InvalidParameterValue;Sender, 400: Value 11 for parameter MaxNumberOfMessages is invalid. Reason: "
        "Must be "
        "between 1 and 10, if provided.");
  CHECK(f.error("ReceiveMessage", f.with(R"("WaitTimeSeconds":-1)")) ==
        "InvalidParameterValue;Sender, 400: Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must "
        "be >= 0 "
        "and <= 20, if provided.");
  CHECK(f.error("ReceiveMessage", f.with(R"("MaxNumberOfMessages":"1")")).starts_with("MalformedInput"));
  CHECK(f.error("ReceiveMessage", "not JSON").starts_with("MalformedInput"));
  CHECK(f.error("ReceiveMessage", f.with(R"("MessageSystemAttributeNames":["Nonsense"])")) ==
        "InvalidAttributeName;Sender, 400: Unknown Attribute Nonsense.");
  CHECK(f.error("SendMessage", f.with(R"("MessageBody":"")")) ==
        "MissingParameter;Sender, 400: The request must contain the parameter MessageBody.");
  CHECK(f.error("SendMessage", f.with(R"("MessageBody":"\u0001")"))
            .starts_with("InvalidMessageContents;Sender, 400"));
  CHECK(f.error("SendMessage", f.with(R"("MessageBody":"\uffff")"))
            .starts_with("InvalidMessageContents;Sender, 400"));
  CHECK(f.error("SendMessage", f.with(R"("MessageBody":"x","DelaySeconds":901)"))
            .starts_with("InvalidParameterValue"));
  CHECK(f.error("SendMessage", f.with(R"("MessageBody":"x","MessageDeduplicationId":"d")"))
            .find("not valid for this queue type") != std::string::npos);
  CHECK(f.error("DeleteMessage", f.with(R"("ReceiptHandle":"garbage")")) ==
        "ReceiptHandleIsInvalid;Sender, 404: The input receipt handle \"garbage\" is not a valid receipt "
        "handle.");
  CHECK(f.error("GetQueueAttributes", f.with(R"("AttributeNames":["Nonsense"])"))
            .starts_with("InvalidAttributeName"));
  CHECK(f.error("Nonsense", "{}").starts_with("InvalidAction;Sender, 404"));
}

TEST_CASE("the content type must be that of the JSON protocol") {
  service_fixture f;
  f.call("ListQueues", "{}", "application/json");
  CHECK(f.last.status == 404);
}

TEST_CASE("message attributes are checked") {
  service_fixture f;
  f.create();
  const auto error = [&](const std::string& attributes) {
    return f.error("SendMessage", f.with(R"("MessageBody":"x","MessageAttributes":{)" + attributes + "}"));
  };
  const std::string good = R"({"DataType":"String","StringValue":"x"})";
  CHECK(error(R"("AWS.x":)" + good).find("reserved") != std::string::npos);
  CHECK(error(R"("amazon.x":)" + good).find("reserved") != std::string::npos);
  CHECK(error(R"("a..b":)" + good).find("reserved") != std::string::npos);
  CHECK(error(R"("a b":)" + good).find("can only contain") != std::string::npos);
  CHECK(error('"' + repeat("a", 257) + R"(":)" + good).find("256") != std::string::npos);
  CHECK(error(R"("a":{"DataType":"Float","StringValue":"x"})").find("type prefixes") != std::string::npos);
  CHECK(error(R"("a":{"DataType":"Number","StringValue":"x"})").find("number") != std::string::npos);
  CHECK(error(R"("ErrorDetails":{"DataType":"String","StringValue":""})") ==
        "InvalidParameterValue;Sender, 400: Message (user) attribute 'ErrorDetails' must contain a non-empty "
        "value "
        "of type 'String'.");
  CHECK(error(R"("a":{"DataType":"Binary","BinaryValue":"!"})").starts_with("MalformedInput"));
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + "\":" + good;
  CHECK(error(eleven).find("[11] exceeds") != std::string::npos);
}

TEST_CASE("a message may have 1 MiB with its attributes, and no byte more") {
  service_fixture f;
  f.create();
  const std::string attributes =
      R"(,"MessageAttributes":{"name":{"DataType":"String","StringValue":"1234"}})";
  const auto body = [&](std::size_t size) {
    return f.with(R"("MessageBody":")" + repeat("x", size) + '"' + attributes);
  };
  const std::size_t room = 1'048'576 - 4 - 6 - 4;
  CHECK(f.call("SendMessage", body(room)).find("MessageId") != std::string::npos);
  CHECK(f.error("SendMessage", body(room + 1)) ==
        "InvalidParameterValue;Sender, 400: One or more parameters are invalid. Reason: Message must be "
        "shorter than "
        "1048576 bytes.");
}

TEST_CASE("batches are checked as a whole") {
  service_fixture f;
  f.create();
  const auto entry = [](std::string_view id, std::string_view body) {
    return R"({"Id":")" + std::string(id) + R"(","MessageBody":")" + std::string(body) + "\"}";
  };
  const auto error = [&](const std::string& entries) {
    return f.error("SendMessageBatch", f.send_batch(entries));
  };
  CHECK(error("") ==
        "AWS.SimpleQueueService.EmptyBatchRequest;Sender, 400: There should be at least one "
        "SendMessageBatchRequestEntry in the request.");
  CHECK(error(entry("a", "x") + "," + entry("a", "y")) ==
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct;Sender, 400: Id a repeated.");
  CHECK(error(entry("a b", "x"))
            .starts_with("AWS.SimpleQueueService.InvalidBatchEntryId;Sender, 400: A batch entry id"));
  CHECK(error(entry(repeat("a", 81), "x")).starts_with("AWS.SimpleQueueService.InvalidBatchEntryId"));
  std::string many = entry("0", "x");
  for (int i = 1; i < 20; ++i) many += "," + entry(std::to_string(i), "x");
  CHECK(error(many) ==
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender, 400: Maximum number of entries per "
        "request are "
        "10. You have sent 20.");
  CHECK(error(entry("a", repeat("x", 1'048'576)) + "," + entry("b", "x")) ==
        "AWS.SimpleQueueService.BatchRequestTooLong;Sender, 400: Batch requests cannot be longer than "
        "1048576 bytes. "
        "You have sent 1048577 bytes.");
  CHECK(f.queues.find("q")->count(f.now) == queue::counts{});
}

TEST_CASE("a bad entry of a batch fails alone") {
  service_fixture f;
  f.create();
  const std::string sent = f.call(
      "SendMessageBatch", f.send_batch(R"({"Id":"a","MessageBody":"x"},{"Id":"b","MessageBody":"\u0001"})"));
  CHECK(f.last.status == 200);
  CHECK(sent.find(R"("Failed":[{"Id":"b","SenderFault":true,"Code":"InvalidMessageContents")") !=
        std::string::npos);
  const std::string deleted =
      f.call("DeleteMessageBatch", f.send_batch(R"({"Id":"good","ReceiptHandle":")" + f.receipt() +
                                                R"("},{"Id":"bad","ReceiptHandle":"garbage"})"));
  CHECK(deleted.starts_with(R"({"Successful":[{"Id":"good"}],"Failed":[{"Id":"bad","SenderFault":true,)"
                            R"("Code":"ReceiptHandleIsInvalid")"));
}

TEST_CASE("a handle of another queue is no handle") {
  service_fixture f;
  f.create();
  f.call("CreateQueue", R"({"QueueName":"other"})");
  f.call("SendMessage", f.with(R"("MessageBody":"x")"));
  const std::string handle = f.receipt();
  CHECK(f.error("DeleteMessage", "{" + f.url("other") + R"(,"ReceiptHandle":")" + handle + "\"}")
            .starts_with("ReceiptHandleIsInvalid"));
}

TEST_CASE("a change of visibility after the delete says that the message is gone") {
  service_fixture f;
  f.create();
  f.call("SendMessage", f.with(R"("MessageBody":"x")"));
  const std::string handle = f.receipt();
  CHECK(f.call("DeleteMessage", f.with(R"("ReceiptHandle":")" + handle + '"')).empty());
  CHECK(f.call("DeleteMessage", f.with(R"("ReceiptHandle":")" + handle + '"')).empty());
  CHECK(f.error("ChangeMessageVisibility",
                f.with(R"("VisibilityTimeout":1,"ReceiptHandle":")" + handle + '"')) ==
        "InvalidParameterValue;Sender, 400: Value " + handle +
            " for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for "
            "visibility timeout change.");
}

TEST_CASE("a FIFO queue wants a group and a deduplication id") {
  service_fixture f;
  f.call("CreateQueue", R"({"QueueName":"q.fifo","Attributes":{"FifoQueue":"true"}})");
  const auto with = [&](std::string_view members) {
    return "{" + f.url("q.fifo") + "," + std::string(members) + "}";
  };
  CHECK(f.error("SendMessage", with(R"("MessageBody":"x")")) ==
        "MissingParameter;Sender, 400: The request must contain the parameter MessageGroupId.");
  CHECK(f.error("SendMessageBatch", with(R"("Entries":[{"Id":"a","MessageBody":"x"}])")) ==
        "InvalidParameterValue;Sender, 400: The request must contain the parameter MessageGroupId.");
  CHECK(f.error("SendMessage", with(R"("MessageBody":"x","MessageGroupId":"g")"))
            .find("ContentBasedDeduplication") != std::string::npos);
  CHECK(f.error("SendMessage", with(R"("MessageBody":"x","MessageGroupId":"a b")"))
            .find("alphanumeric and punctuation") != std::string::npos);
  CHECK(
      f.error("SendMessage",
              with(R"("MessageBody":"x","MessageGroupId":"g","MessageDeduplicationId":"d","DelaySeconds":2)"))
          .find("not valid for this queue type") != std::string::npos);
  const std::string sent =
      f.call("SendMessage",
             with(R"("MessageBody":"x","MessageGroupId":"g","MessageDeduplicationId":"d","DelaySeconds":0)"));
  CHECK(sent.find(R"("SequenceNumber":"10000000000000000001")") != std::string::npos);
}

TEST_CASE("with deduplication by content the same body is the same message") {
  service_fixture f;
  f.call("CreateQueue",
         R"({"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}})");
  const std::string message = "{" + f.url("q.fifo") + R"(,"MessageBody":"x","MessageGroupId":"g"})";
  CHECK(f.call("SendMessage", message) == f.call("SendMessage", message));
  CHECK(f.queues.find("q.fifo")->count(f.now).visible == 1);
}

TEST_CASE("lists of queues come in pages") {
  service_fixture f;
  for (const char* name : {"a1", "a2", "a3", "b"})
    f.call("CreateQueue", R"({"QueueName":")" + std::string(name) + "\"}");
  const std::string first = f.call("ListQueues", R"({"QueueNamePrefix":"a","MaxResults":2})");
  CHECK(first.find("/a2\"") != std::string::npos);
  CHECK(first.find("/a3\"") == std::string::npos);
  const auto at = first.find("NextToken\":\"") + 12;
  const std::string token = first.substr(at, first.find('"', at) - at);
  const std::string second = f.call("ListQueues", R"({"QueueNamePrefix":"a","NextToken":")" + token + "\"}");
  CHECK(second == R"({"QueueUrls":["http://127.0.0.1:9324/000000000000/a3"]})");
  CHECK(f.call("ListQueues", R"({"QueueNamePrefix":"z"})") == "{}");
}

TEST_CASE("an unsigned request is refused before anything else is said of it") {
  service_fixture f(true);
  CHECK(f.error("ReceiveMessage", "not JSON").starts_with("MissingAuthenticationToken;Sender, 403"));
}

TEST_CASE("faults do what they say") {
  service_fixture f;
  f.create();
  fault_options o;
  SECTION("throttling") {
    o.throttle_rate = 1;
    f.s.faults().set(o);
    CHECK(f.error("SendMessage", f.with(R"("MessageBody":"x")")) ==
          "RequestThrottled;Sender, 403: Rate exceeded.");
    CHECK(f.queues.find("q")->count(f.now).visible == 0);
  }
  SECTION("errors, of which half are of calls that were carried out") {
    o.error_rate = 1;
    f.s.faults().set(o);
    for (int i = 0; i < 50; ++i)
      CHECK(f.error("SendMessage", f.with(R"("MessageBody":"x")")).find(";Receiver, 50") !=
            std::string::npos);
    const auto sent = f.queues.find("q")->count(f.now).visible;
    CHECK((sent > 5 && sent < 45));
  }
  SECTION("entries that fail") {
    o.failed_entry_rate = 1;
    f.s.faults().set(o);
    CHECK(f.call("SendMessageBatch", f.send_batch(R"({"Id":"a","MessageBody":"x"})"))
              .starts_with(
                  R"({"Successful":[],"Failed":[{"Id":"a","SenderFault":false,"Code":"InternalError")"));
  }
  SECTION("deletes that are lost") {
    f.call("SendMessage", f.with(R"("MessageBody":"x")"));
    const std::string handle = f.receipt();
    o.lost_delete_rate = 1;
    f.s.faults().set(o);
    CHECK(f.call("DeleteMessage", f.with(R"("ReceiptHandle":")" + handle + '"')).empty());
    f.now += seconds(5);
    CHECK(f.queues.find("q")->count(f.now).visible == 1);
  }
  SECTION("handles that are refused") {
    f.call("SendMessage", f.with(R"("MessageBody":"x")"));
    const std::string handle = f.receipt();
    o.stale_handle_rate = 1;
    f.s.faults().set(o);
    CHECK(f.error("DeleteMessage", f.with(R"("ReceiptHandle":")" + handle + '"'))
              .starts_with("ReceiptHandleIsInvalid"));
  }
  SECTION("messages that are delivered twice") {
    f.call("SendMessage", f.with(R"("MessageBody":"x")"));
    o.duplicate_rate = 1;
    f.s.faults().set(o);
    f.receipt();
    CHECK(f.queues.find("q")->count(f.now) == queue::counts{1, 1, 0});
  }
}

TEST_CASE("the control endpoints are for this machine only, health for all") {
  service_fixture f;
  const auto get = [&](std::string_view target, bool local) {
    http_request r;
    r.method = "GET";
    r.target = target;
    f.s.handle(r, local, f.now, f.last);
    return f.last.status;
  };
  CHECK(get("/health", false) == 200);
  CHECK(get("/control/stats", true) == 200);
  CHECK(get("/control/stats", false) == 404);
  CHECK(get("/control/none", true) == 404);
  CHECK(get("/", true) == 404);
}

}  // namespace
}  // namespace sluice::sqs_server
