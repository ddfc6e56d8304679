#include "sqs/explain.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace sluice;
using namespace sluice::sqs;
using namespace std::chrono_literals;

namespace {

call_context receiving() {
  return {.operation = "ReceiveMessage",
          .queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/login-queue",
          .region = "eu-west-1",
          .endpoint = "https://sqs.eu-west-1.amazonaws.com",
          .credentials = "profile default"};
}

refusal refused(aws_errc code, std::string name = "Name", std::string text = {}) {
  return {code, std::move(name), std::move(text)};
}

}  // namespace

TEST_CASE("a missing queue: what, where, what to do") {
  const failure f = explain(refused(aws_errc::queue_does_not_exist), receiving());
  CHECK(f.line() ==
        "queue login-queue does not exist in eu-west-1 at https://sqs.eu-west-1.amazonaws.com; create it, or "
        "set "
        "SLUICE_QUEUE (or QUEUE_NAME) and AWS_REGION to the right ones");
}

TEST_CASE("access denied names the IAM action, that of the single operation for a batch") {
  call_context c = receiving();
  CHECK(explain(refused(aws_errc::access_denied, "AccessDenied"), c).line() ==
        "ReceiveMessage on queue login-queue at https://sqs.eu-west-1.amazonaws.com: AccessDenied; allow "
        "sqs:ReceiveMessage on the queue to the identity of these credentials (profile default)");
  c.operation = "DeleteMessageBatch";
  CHECK(explain(refused(aws_errc::access_denied), c).fix.starts_with("allow sqs:DeleteMessage on"));
}

TEST_CASE("a skewed clock says by how much") {
  call_context c = receiving();
  c.clock_skew = 750s;
  CHECK(explain(refused(aws_errc::clock_skew), c).what.ends_with("clock is 12 min behind the server's"));
  c.clock_skew = -90s;
  CHECK(explain(refused(aws_errc::clock_skew), c).what.ends_with("clock is 90 s ahead of the server's"));
  c.clock_skew = 0s;
  CHECK(explain(refused(aws_errc::clock_skew), c).what.ends_with("finds this machine's clock wrong"));
  const auto expired = refused(aws_errc::signature_mismatch, "InvalidSignatureException",
                               "Signature expired: 20260102T030405Z is now earlier than 20260102T031605Z");
  CHECK(explain(expired, c).fix == "set the clock (NTP)");
}

TEST_CASE("a wrong region is told where it can be") {
  call_context c = receiving();
  c.region = "us-east-1";
  const char* const fix =
      "requests are signed for us-east-1, the address is one of eu-west-1: set AWS_REGION=eu-west-1";
  CHECK(explain(refused(aws_errc::signature_mismatch), c).fix == fix);
  CHECK(explain(refused(aws_errc::queue_does_not_exist), c).fix == fix);
  c.endpoint = "http://localhost:4566";
  CHECK(explain(refused(aws_errc::access_denied), c).fix == fix);
  CHECK(explain(refused(aws_errc::throttled), c).fix.empty());
  c.queue = "http://localhost:4566/000000000000/login-queue";
  CHECK(explain(refused(aws_errc::signature_mismatch, "SignatureDoesNotMatch",
                        "Credential should be scoped to a valid region, not 'us-east-1'."),
                c)
            .fix == "the endpoint is not in us-east-1: set AWS_REGION to its region");
}

TEST_CASE("a refused signature asks for the secret key") {
  CHECK(explain(refused(aws_errc::signature_mismatch), receiving())
            .fix.starts_with("does the secret key belong"));
}

TEST_CASE("what the server said is kept apart") {
  const failure f =
      explain(refused(aws_errc::invalid_parameter, "InvalidParameterValue", "Value hunter2"), receiving());
  CHECK(f.line().find("hunter2") == std::string::npos);
  CHECK(f.server_text == "Value hunter2");
}

TEST_CASE("a status without a name is shown") {
  const failure f = explain({http_status(503), "", "<html>"}, receiving());
  CHECK(f.line() ==
        "ReceiveMessage on queue login-queue at https://sqs.eu-west-1.amazonaws.com: HTTP status 503");
}

TEST_CASE("regions are read from AWS's addresses only") {
  CHECK(region_of("https://sqs.eu-west-1.amazonaws.com/1/q") == "eu-west-1");
  CHECK(region_of("https://sqs-fips.us-gov-west-1.amazonaws.com") == "us-gov-west-1");
  CHECK(region_of("https://sqs.cn-north-1.amazonaws.com.cn:443/") == "cn-north-1");
  CHECK(region_of("https://sqs.eu-west-1.api.aws") == "eu-west-1");
  for (const char* url : {"", "login-queue", "http://localhost:4566/000000000000/q",
                          "https://sqs.example.com", "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com",
                          "http://sqs.eu-central-1.localhost.localstack.cloud:4566"}) {
    INFO(url);
    CHECK(region_of(url).empty());
  }
  CHECK(queue_name("https://sqs.eu-west-1.amazonaws.com/1/q.fifo") == "q.fifo");
  CHECK(queue_name("q") == "q");
}
