#include "http/endpoint.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice;
using namespace sluice::http;

TEST_CASE("endpoints are read as they are signed") {
  CHECK(*parse_endpoint("https://sqs.eu-west-1.amazonaws.com") ==
        endpoint{.tls = true,
                 .host = "sqs.eu-west-1.amazonaws.com",
                 .port = 443,
                 .host_header = "sqs.eu-west-1.amazonaws.com",
                 .target = "/"});
  CHECK(*parse_endpoint("http://LocalHost:4566/some/path?x=1") == endpoint{.tls = false,
                                                                           .host = "localhost",
                                                                           .port = 4566,
                                                                           .host_header = "localhost:4566",
                                                                           .target = "/some/path?x=1"});
  CHECK(*parse_endpoint("http://[::1]:9324") ==
        endpoint{.tls = false, .host = "::1", .port = 9324, .host_header = "[::1]:9324", .target = "/"});
  CHECK(parse_endpoint("https://h:443")->host_header == "h");
  CHECK(parse_endpoint("http://h:80/")->host_header == "h");
  CHECK(parse_endpoint("http://h:443")->host_header == "h:443");
  CHECK(parse_endpoint("http://h?x")->target == "/?x");
  CHECK(to_string(*parse_endpoint("http://h:8080/x")) == "http://h:8080");
}

TEST_CASE("what is not an endpoint is refused, with the reason") {
  for (const char* url :
       {"", "localhost:4566", "localhost", "sqs.eu-west-1.amazonaws.com", "ftp://h", "http://", "http://h:0",
        "http://h:99999", "http://h:x", "http://a b", " http://h", "http://h#f", "http:///x"}) {
    INFO(url);
    const auto refused = parse_endpoint(url);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::bad_configuration);
    CHECK(!refused.error().fix.empty());
  }
}

TEST_CASE("a name that begins like an IPv4 address is not cut after four numbers") {
  for (const std::string host :
       {"127.0.0.1.queue.example.test", "10.0.0.1.sqs.amazonaws.com", "1.2.3.4x", "1.2.3.4.5", "1.2.3.4-5"}) {
    for (const std::string behind : {"", ":9999", "/q", "?x"}) {
      CAPTURE(host, behind);
      const auto read = parse_endpoint("http://" + host + behind);
      CHECK((!read || read->host == host));  // Boost 1.81 cannot read it, later ones can
    }
  }
}

TEST_CASE("a password in an endpoint is refused and not repeated") {
  for (const char* const url : {"http://user:hunter2@h", "ftp://user:hunter2@h", "http://user:hun%zzter2@h",
                                "http://user:hunter2#x@h"}) {
    CAPTURE(url);
    const auto refused = parse_endpoint(url);
    REQUIRE(!refused);
    CHECK(refused.error().line().find("ter2") == std::string::npos);
  }
}
