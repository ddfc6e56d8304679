#include "support/sqs_server/verifier.hpp"

#include <simdjson.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "support/repository.hpp"
#include "unit/sqs_server/outcome_printer.hpp"

namespace sluice::sqs_server {
namespace {

namespace sigv4 = aws::sigv4;
namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::sys_seconds;

constexpr sys_seconds suite_time =
    std::chrono::sys_days(std::chrono::August / 30 / 2015) + std::chrono::hours(12) + minutes(36);

/// A request whose parts can be spoiled after it was signed.
struct signed_request {
  std::string method = "POST", target = "/", body = R"({"QueueUrl":"http://x/0/q"})";
  std::vector<std::pair<std::string, std::string>> headers;

  std::string& header(std::string_view name) {
    const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
    REQUIRE(found != headers.end());
    return found->second;
  }
  outcome<std::string_view> verify(verifier& v, sys_seconds now) const {
    std::vector<sigv4::header> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    return v.verify({method, target, views, body}, now);
  }
};

struct verifier_fixture {
  verifier_fixture() {
    keys.add_key("AKID", secret("key of the test"));
    keys.add_key("ASIA", secret("other"), "session");
  }

  signed_request sign(const std::string& id, std::string_view with, const std::string& region = "us-east-1",
                      const std::string& service = "sqs", const std::string& token = {}) const {
    signed_request r;
    const std::string date = sigv4::amz_date(now);
    r.headers = {{"Content-Type", "application/x-amz-json-1.0"},
                 {"Host", "127.0.0.1:9324"},
                 {"X-Amz-Date", date},
                 {"X-Amz-Target", "AmazonSQS.ListQueues"}};
    if (!token.empty()) r.headers.emplace_back("X-Amz-Security-Token", token);
    std::vector<sigv4::header> views;
    for (const auto& [name, value] : r.headers) views.push_back({name, value});
    const sigv4::scope scope{region, service};
    const auto canonical =
        sigv4::canonical_request({r.method, r.target, views, r.body}, sigv4::sha256_hex(r.body));
    const auto signature = sigv4::signature(sigv4::signing_key(with, date.substr(0, 8), scope),
                                            sigv4::string_to_sign(date, scope, canonical.text));
    r.headers.emplace_back("Authorization",
                           sigv4::authorization(id, date, scope, canonical.signed_headers, signature));
    r.headers.emplace_back("User-Agent", "not signed");
    return r;
  }
  signed_request sign() const { return sign("AKID", "key of the test"); }

  /// "name: text", or nothing for a request that is accepted.
  std::string refusal(const signed_request& r, std::chrono::seconds later = {}) {
    auto verified = r.verify(keys, now + later);
    return verified ? "" : std::string(verified.error().query_code) + ": " + verified.error().message;
  }

  sys_seconds now = suite_time;
  verifier keys{{}};
};

constexpr const char* does_not_match =
    "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. "
    "Check "
    "your AWS Secret Access Key and signing method. Consult the service documentation for details.";

TEST_CASE("a request that is signed as it should be is accepted, and its signer known") {
  verifier_fixture f;
  CHECK(f.sign().verify(f.keys, f.now).value() == "AKID");
  CHECK(f.refusal(f.sign("ASIA", "other", "us-east-1", "sqs", "session")).empty());
}

TEST_CASE("what was changed after signing is noticed") {
  verifier_fixture f;
  auto r = f.sign();
  SECTION("body") {
    r.body += ' ';
  }
  SECTION("signed header") {
    r.header("X-Amz-Target") = "AmazonSQS.DeleteQueue";
  }
  SECTION("host") {
    r.header("Host") = "127.0.0.1:9325";
  }
  SECTION("date") {
    r.header("X-Amz-Date") = sigv4::amz_date(f.now + std::chrono::seconds(1));
  }
  SECTION("method") {
    r.method = "GET";
  }
  SECTION("target") {
    r.target = "/?a=b";
  }
  SECTION("signature") {
    r.header("Authorization").back() ^= 1;
  }
  SECTION("signature, cut") {
    r.header("Authorization").pop_back();
  }
  SECTION("a header that is not there is said to be signed") {
    std::string& a = r.header("Authorization");
    a.replace(a.find("host;"), 5, "host;x-absent;");
  }
  SECTION("a header that was signed is gone") {
    std::erase_if(r.headers, [](auto& h) { return h.first == "Content-Type"; });
  }
  CHECK(f.refusal(r) == does_not_match);
}

TEST_CASE("a header that is not signed may change, unless it is one of AWS's") {
  verifier_fixture f;
  auto r = f.sign();
  r.header("User-Agent") = "changed";
  CHECK(f.refusal(r).empty());
  r.headers.emplace_back("X-Amz-Meta", "added");
  CHECK(f.refusal(r) ==
        "SignatureDoesNotMatch: 'x-amz-meta' must be a 'SignedHeader' in the AWS Authorization.");
}

TEST_CASE("a wrong secret and an unknown key have their names") {
  verifier_fixture f;
  CHECK(f.refusal(f.sign("AKID", "another key")) == does_not_match);
  CHECK(f.refusal(f.sign("NOBODY", "key of the test")) ==
        "InvalidClientTokenId: The security token included in the request is invalid.");
}

TEST_CASE("a session token must be there, and right, if the key has one, and only then") {
  verifier_fixture f;
  const std::string invalid = "InvalidClientTokenId: The security token included in the request is invalid.";
  CHECK(f.refusal(f.sign("ASIA", "other")) == invalid);
  CHECK(f.refusal(f.sign("ASIA", "other", "us-east-1", "sqs", "wrong")) == invalid);
  CHECK(f.refusal(f.sign("AKID", "key of the test", "us-east-1", "sqs", "session")) == invalid);
}

TEST_CASE("a clock may differ by five minutes, and not a second more") {
  verifier_fixture f;
  const auto r = f.sign();
  CHECK(f.refusal(r, minutes(5)).empty());
  CHECK(f.refusal(r, minutes(-5)).empty());
  CHECK(f.refusal(r, minutes(5) + std::chrono::seconds(1)) ==
        "SignatureDoesNotMatch: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
        "(20150830T124101Z - 5 min.)");
  CHECK(f.refusal(r, minutes(-5) - std::chrono::seconds(1)) ==
        "SignatureDoesNotMatch: Signature not yet current: 20150830T123600Z is still later than "
        "20150830T123559Z "
        "(20150830T123059Z + 5 min.)");
}

TEST_CASE("the scope must name this region and SQS") {
  verifier_fixture f;
  CHECK(f.refusal(f.sign("AKID", "key of the test", "eu-west-1")) ==
        "SignatureDoesNotMatch: Credential should be scoped to a valid region, not 'eu-west-1'.");
  CHECK(f.refusal(f.sign("AKID", "key of the test", "us-east-1", "sns")) ==
        "SignatureDoesNotMatch: Credential should be scoped to correct service: 'sqs'.");
}

TEST_CASE("an Authorization header that lacks something says what") {
  verifier_fixture f;
  auto r = f.sign();
  std::string& a = r.header("Authorization");
  SECTION("all of it") {
    std::erase_if(r.headers, [](auto& h) { return h.first == "Authorization"; });
    CHECK(f.refusal(r) == "MissingAuthenticationToken: Request is missing Authentication Token");
  }
  SECTION("signature") {
    a.resize(a.find(", Signature"));
    CHECK(f.refusal(r).starts_with(
        "IncompleteSignature: Authorization header requires 'Signature' parameter. Authorization="));
  }
  SECTION("another algorithm") {
    a = "Bearer abc";
    CHECK(f.refusal(r) == "IncompleteSignature: Unsupported AWS 'algorithm': 'Bearer'.");
  }
  SECTION("scope") {
    a.replace(a.find("/sqs"), 4, "");
    CHECK(f.refusal(r).starts_with(
        "IncompleteSignature: Credential must have exactly 5 slash-delimited elements"));
  }
  SECTION("host among what is signed") {
    a.replace(a.find("host;"), 5, "");
    CHECK(f.refusal(r) ==
          "SignatureDoesNotMatch: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  SECTION("date") {
    r.header("X-Amz-Date") = "2015-08-30T12:36:00Z";
    CHECK(f.refusal(r).starts_with("IncompleteSignature: Date must be in ISO-8601 'basic format'."));
  }
  SECTION("the same day") {
    r.header("X-Amz-Date") = "20150831T000000Z";
    CHECK(f.refusal(r).starts_with("SignatureDoesNotMatch: Date in Credential scope does not match"));
  }
}

TEST_CASE("an action can be denied to a key") {
  verifier_fixture f;
  f.keys.deny("AKID", "sqs:SendMessage");
  CHECK(f.keys.authorize("AKID", "ReceiveMessage", "arn"));
  CHECK(f.keys.authorize("ASIA", "SendMessage", "arn"));
  const auto denied = f.keys.authorize("AKID", "SendMessage", "arn:aws:sqs:us-east-1:0:q").error();
  CHECK(denied.query_code == "AccessDenied");
  CHECK(denied.message.find(
            "not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:0:q") !=
        std::string::npos);
  CHECK_FALSE(f.keys.authorize("AKID", "SendMessageBatch", "arn"));
  f.keys.deny("ASIA", "*");
  CHECK_FALSE(f.keys.authorize("ASIA", "ListQueues", "arn"));
}

// The official cases (tests/data/sigv4, from awslabs/aws-c-auth) as a server meets them.

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> official_cases() {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(tests::repository_file("tests/data/sigv4/v4"))) {
    cases.push_back(entry.path());
  }
  std::ranges::sort(cases);
  return cases;
}

/// LF line ends, "Name:value", continuation lines that start with a blank, a target with blanks in it.
signed_request parse_official(const std::string& text) {
  signed_request r;
  const auto head_end = text.find("\n\n");
  r.body = head_end == std::string::npos ? "" : text.substr(head_end + 2);
  std::string_view head = std::string_view(text).substr(0, head_end);
  for (bool first = true; !head.empty(); first = false) {
    const auto end = std::min(head.find('\n'), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    if (first) {
      r.method = line.substr(0, line.find(' '));
      r.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    } else if (line.front() == ' ') {
      r.headers.back().second += '\n' + std::string(line);
    } else {
      r.headers.emplace_back(line.substr(0, line.find(':')), line.substr(line.find(':') + 1));
    }
  }
  return r;
}

TEST_CASE("each of the 38 official requests is accepted as signed, and refused with another body or secret") {
  REQUIRE(official_cases().size() == 38);
  const fs::path name = GENERATE(from_range(official_cases()));
  INFO(name);
  simdjson::dom::parser parser;
  const simdjson::dom::element context = parser.load((name / "context.json").string());
  const std::string key(context.at_pointer("/credentials/secret_access_key").get_string().value());
  std::string_view token;
  if (context.at_pointer("/credentials/token").get(token)) token = {};

  verifier::options o{"us-east-1", "service"};
  o.normalize_path = context["normalize"].get_bool().value();
  signed_request r = parse_official(read(name / "header-signed-request.txt"));
  verifier good(o), bad(o);
  good.add_key("AKIDEXAMPLE", secret(key), std::string(token));
  bad.add_key("AKIDEXAMPLE", secret(key + "x"), std::string(token));
  const auto verified = r.verify(good, suite_time);
  CHECK((verified ? "" : verified.error().message) == std::string());
  CHECK(r.verify(bad, suite_time).error().query_code == "SignatureDoesNotMatch");
  r.body += "x";
  CHECK(r.verify(good, suite_time).error().query_code == "SignatureDoesNotMatch");
}

}  // namespace
}  // namespace sluice::sqs_server
