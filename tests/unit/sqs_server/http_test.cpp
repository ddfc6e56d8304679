#include "support/sqs_server/http.hpp"

#include <catch2/catch_test_macros.hpp>

namespace sluice::sqs_server {
namespace {

using status = http_parser::status;

status parse_once(std::string_view text) {
  http_parser parser;
  http_request request;
  return parser.parse(text, request);
}

TEST_CASE("a request is read however it is cut into pieces") {
  const std::string text =
      "POST /a?b HTTP/1.1\r\nHost: x\r\nX-Amz-Target:  AmazonSQS.ListQueues \r\nContent-Length: 2\r\n\r\n{}";
  const std::string buffer = text + "POST ";  // the beginning of the next one
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    http_parser parser;
    http_request r;
    if (cut < text.size()) {
      REQUIRE(parser.parse(std::string_view(text).substr(0, cut), r) == status::need_more);
    }
    REQUIRE(parser.parse(buffer, r) == status::done);
    CHECK(parser.needed() == text.size());
    CHECK(r.method == "POST");
    CHECK(r.target == "/a?b");
    CHECK(r.header("x-amz-target") == "AmazonSQS.ListQueues");
    CHECK(r.body == "{}");
    CHECK(r.keep_alive);
  }
}

TEST_CASE("a connection is kept as its version and header say") {
  http_parser parser;
  http_request r;
  REQUIRE(parser.parse("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", r) == status::done);
  CHECK_FALSE(r.keep_alive);
  parser.reset();
  REQUIRE(parser.parse("GET / HTTP/1.0\r\n\r\n", r) == status::done);
  CHECK_FALSE(r.keep_alive);
  parser.reset();
  REQUIRE(parser.parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", r) == status::done);
  CHECK(r.keep_alive);
}

TEST_CASE("what is not HTTP, or could be read in two ways, is refused") {
  CHECK(parse_once("nonsense\r\n\r\n") == status::malformed);
  CHECK(parse_once("GET / HTTP/2\r\n\r\n") == status::malformed);
  CHECK(parse_once("GET http://x/ HTTP/1.1\r\n\r\n") == status::malformed);
  CHECK(parse_once("GET / HTTP/1.1\r\nno colon\r\n\r\n") == status::malformed);
  CHECK(parse_once("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n") == status::malformed);
  CHECK(parse_once("GET / HTTP/1.1\r\nName : b\r\n\r\n") == status::malformed);
  CHECK(parse_once("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") == status::malformed);
  CHECK(parse_once("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n") == status::malformed);
  CHECK(parse_once("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") == status::length_required);
}

TEST_CASE("heads and bodies have a limit") {
  CHECK(parse_once("GET / HTTP/1.1\r\nA: " + std::string(http_parser::head_bytes_max, 'x')) ==
        status::too_large);
  CHECK(parse_once("POST / HTTP/1.1\r\nContent-Length: 8388609\r\n\r\n") == status::too_large);
  CHECK(parse_once("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n") == status::need_more);
}

}  // namespace
}  // namespace sluice::sqs_server
