#include "observe/site.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "observe/admin_server.hpp"

using namespace sluice::observe;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct site_fixture {
  site::answer get(std::string_view target, std::string_view host = "localhost:9464",
                   std::string_view method = "GET") {
    return pages.get({.method = method, .target = target, .host = host}, {}, {});
  }

  counters c;
  logger log{log_format::text, level::off};
  site pages{{.figures = c, .log = log, .what = {}}, {"Sluice.internal"}};
};

}  // namespace

TEST_CASE("a host is answered if it is an address, localhost, or a name that was given") {
  const std::vector<std::string> names{"sluice"};
  for (const char* host : {"127.0.0.1:9464", "127.0.0.1", "[::1]:9464", "[::1]", "localhost", "LocalHost:1",
                           "10.0.3.7:9464", "sluice:9464"}) {
    CAPTURE(host);
    CHECK(host_allowed(host, names));
  }
  for (const char* host :
       {"", ":9464", "evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example",
        "127.0.0.1@evil.example", "[", "[]", "[::1].evil.example", "[::1]x:80", "sluice.evil.example"}) {
    CAPTURE(host);
    CHECK_FALSE(host_allowed(host, names));
  }
}

TEST_CASE("a request that came by another name is refused, whatever it asks for") {
  site_fixture f;
  CHECK(f.get("/healthz", "evil.example").status == 421);
  CHECK(f.get("/healthz", "sluice.INTERNAL:80").status == 200);
}

TEST_CASE("only GET and HEAD are answered") {
  site_fixture f;
  for (const char* method :
       {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "GET ", ""}) {
    CAPTURE(method);
    CHECK(f.get("/", "localhost", method).status == 405);
  }
  CHECK(f.get("/", "localhost", "HEAD").status == 200);
}

TEST_CASE("there are five pages, and nothing else") {
  site_fixture f;
  CHECK(f.get("/").is_page);
  CHECK_THAT(std::string(f.get("/").type), ContainsSubstring("text/html"));
  CHECK(f.get("/?x=1").status == 200);
  CHECK(f.get("/status.json").type == "application/json");
  CHECK_THAT(std::string(f.get("/metrics").type), ContainsSubstring("version=0.0.4"));
  CHECK(f.get("/healthz").body == "ok\n");
  CHECK(f.get("/readyz").status == 200);
  for (const char* target : {"/admin", "//", "/healthz/", "/../etc/passwd", "", "http://localhost/"}) {
    CHECK(f.get(target).status == 404);
  }
}

TEST_CASE("readiness says why not; liveness does not mind") {
  site_fixture f;
  f.c.databases_away.add();
  const auto answer = f.get("/readyz");
  CHECK(answer.status == 503);
  CHECK_THAT(answer.body, ContainsSubstring("PostgreSQL does not answer; "));
  CHECK(f.get("/healthz").status == 200);
}

TEST_CASE("the policy lets the page's own style and script run, and nothing else") {
  const std::string policy = content_policy("<style>a</style><script>b</script>");
  CHECK_THAT(policy, ContainsSubstring("default-src 'none'"));
  // printf a | openssl dgst -sha256 -binary | base64
  CHECK_THAT(policy, ContainsSubstring("style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='"));
  CHECK_THAT(policy, ContainsSubstring("script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='"));
  CHECK_THAT(policy, !ContainsSubstring("unsafe"));
}

TEST_CASE("an address to listen on has a port, and no name but localhost") {
  const auto text = [](std::string_view t) {
    const auto e = parse_listen_address(t);
    return e ? e->address().to_string() + " " + std::to_string(e->port()) : std::string("refused");
  };
  CHECK(text("127.0.0.1:9464") == "127.0.0.1 9464");
  CHECK(text("localhost:0") == "127.0.0.1 0");
  CHECK(text("0.0.0.0:80") == "0.0.0.0 80");
  CHECK(text("[::1]:9464") == "::1 9464");
  for (const char* bad : {"", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:80x",
                          "example.org:80", "::1:80", "[127.0.0.1]:80", "[::1]"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "refused");
  }
}
