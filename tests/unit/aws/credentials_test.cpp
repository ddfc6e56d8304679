// Credentials that are fetched over the network: what is asked, what is made of the answers.
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "aws/container.hpp"
#include "aws/credentials_document.hpp"
#include "aws/instance.hpp"
#include "core/verdict.hpp"
#include "unit/aws/network_fixture.hpp"

using namespace sluice;
using namespace sluice::aws;
using namespace tests;

TEST_CASE("an expiration is read with and without a fraction of the second") {
  const auto at = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + std::chrono::seconds(11045);
  CHECK(parse_expiration("2026-01-02T03:04:05Z") == at);
  CHECK(parse_expiration("2026-01-02T03:04:05.678Z") == at);
  for (const char* text : {"", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z",
                           "2026-01-02T03:04:05+01:00", "2026-0x-02T03:04:05Z", "2026-01-02T99:04:05Z"}) {
    INFO(text);
    CHECK(!parse_expiration(text));
  }
}

TEST_CASE("an answer without a part, or with one that no header can hold, gives no credentials") {
  CHECK(parse_credentials_json(keys_as_json("id", evening)).has_value());
  CHECK(!parse_credentials_json("{}"));
  CHECK(!parse_credentials_json("[]"));
  CHECK(!parse_credentials_json("not JSON"));
  CHECK(!parse_credentials_json(keys_as_json("id", "soon")));
  CHECK(!parse_credentials_json(keys_as_json("i d", evening)));
  CHECK(parse_sts_answer(keys_as_xml("AssumeRole", "id", evening)).has_value());
  CHECK(!parse_sts_answer("<AccessKeyId>id</AccessKeyId><SecretAccessKey>"));
  CHECK(sts_error_code(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>") ==
        "AccessDenied");
}

TEST_CASE("the endpoint of ECS: with the token of its file, read anew each time") {
  aws_network a;
  http_script server(a.loop, {{{http_reply(200, keys_as_json("first", evening))}},
                              {{http_reply(200, keys_as_json("second", evening))}}});
  const std::string token_file = a.files.config() + ".token";
  std::ofstream(token_file) << "old";
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url() + "/v2/credentials?id=7";
  a.files.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = token_file;
  a.files.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "of lower rank";

  const auto c = first_of(a);
  REQUIRE(c.has_value());
  CHECK(c->access_key_id == "first");
  CHECK(c->secret_access_key.reveal() == "secret/first");
  CHECK(c->session_token.reveal() == "token==");
  CHECK(c->source == "container");
  std::ofstream(token_file) << "new";
  CHECK(first_of(a)->access_key_id == "second");
  CHECK(server.requests[0].starts_with("GET /v2/credentials?id=7 HTTP/1.1\r\n"));
  CHECK(holds(server.requests[0], "\r\nAuthorization: old\r\n"));
  CHECK(holds(server.requests[1], "\r\nAuthorization: new\r\n"));
  std::ofstream(token_file) << "with a\nline break";
  CHECK(first_of(a).error().code == errc::missing_credentials);
}

TEST_CASE("the container's address: the relative one is ECS's, and plain http goes to few") {
  std::map<std::string, std::string, std::less<>> variables;
  const environment env = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/abc";
  CHECK(to_string(container_source::find(env, {})->endpoint) == "http://169.254.170.2");
  CHECK(container_source::find(env, {})->endpoint.target == "/v2/credentials/abc");
  for (const char* path : {"v2/credentials/abc", ".example.test/x", "@example.test/x", ":80/x", ""}) {
    INFO(path);
    variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path;
    CHECK(container_source::find(env, {}).error().code == errc::bad_configuration);
  }
  variables.clear();
  for (const char* url : {"http://127.0.0.9/x", "http://localhost:80/x", "http://[::1]/x",
                          "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials",
                          "https://anywhere.example/x"}) {
    INFO(url);
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    CHECK(container_source::find(env, {}).has_value());
  }
  for (const char* url :
       {"http://192.168.1.1/x", "http://anywhere.example/x", "http://169.254.170.3/x", "ftp://127.0.0.1/x"}) {
    INFO(url);
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    CHECK(container_source::find(env, {}).error().code == errc::bad_configuration);
  }
}

TEST_CASE("a container's endpoint that is slow, broken or busy is asked three times") {
  aws_network a;
  http_script server(a.loop, {{{}},                                 // says nothing
                              {{http_reply(200, "<html>"), true}},  // says something else
                              {{http_reply(200, keys_as_json("third", evening))}}});
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server.url();
  CHECK(first_of(a)->access_key_id == "third");

  http_script busy(a.loop, {{{http_reply(503, "{}")}}, {{http_reply(429, "{}")}}, {{http_reply(500, "{}")}}});
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = busy.url();
  const auto c = first_of(a);
  REQUIRE(!c);
  CHECK(may_pass(classify(c.error())));
  CHECK(busy.requests.size() == 3);

  http_script refusing(a.loop, {{{http_reply(404, R"({"message":"no such id"})")}}});
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = refusing.url();
  const auto none = first_of(a);
  REQUIRE(!none);
  CHECK(classify(none.error()) == verdict::fatal);
  CHECK(!holds(none.error().line(), "no such id"));
}

TEST_CASE("instance metadata, version 2: token, role, credentials") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script server(a.loop, {{{http_reply(200, "a-token")}},
                              {{http_reply(200, "my-role\n")}},
                              {{http_reply(200, keys_as_json("instance", evening))}}});
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url();
  const auto c = first_of(a);
  REQUIRE(c.has_value());
  CHECK(c->access_key_id == "instance");
  CHECK(c->source == "instance role my-role");
  CHECK(server.requests[0].starts_with("PUT /latest/api/token HTTP/1.1\r\n"));
  CHECK(holds(server.requests[0], "x-aws-ec2-metadata-token-ttl-seconds: "));
  CHECK(server.requests[1].starts_with("GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"));
  CHECK(holds(server.requests[1], "x-aws-ec2-metadata-token: a-token\r\n"));
  CHECK(
      server.requests[2].starts_with("GET /latest/meta-data/iam/security-credentials/my-role HTTP/1.1\r\n"));
}

TEST_CASE("instance metadata that hands out what has ended: it is used a while longer") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script server(a.loop, {{{http_reply(200, "t")}},
                              {{http_reply(200, "r")}},
                              {{http_reply(200, keys_as_json("old", "2026-01-02T11:00:00Z"))}}});
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url();
  CHECK(first_of(a)->expires_at == a.now + 15min);
}

TEST_CASE("no instance: the failure says where it looked, and what a container on one needs") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script silent(a.loop, {{{}}});  // as when the answer's hop limit is 1 and sluice is in a container
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = silent.url();
  const auto c = first_of(a);
  REQUIRE(!c);
  CHECK(c.error().code == errc::missing_credentials);
  CHECK(c.error().what.starts_with("no AWS credentials: not in the environment, not in profile default"));
  CHECK(holds(c.error().what, "within 50"));
  CHECK(holds(c.error().fix, "hop limit"));
  CHECK(silent.requests.size() == 1);
}

TEST_CASE("something at the metadata's address that refuses is no instance either") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script switched_off(a.loop, {{{http_reply(403, "")}}});
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = switched_off.url();
  const auto c = first_of(a);
  REQUIRE(!c);
  CHECK(c.error().code == errc::missing_credentials);
  CHECK(c.error().what.starts_with("no AWS credentials: "));
}

TEST_CASE("an instance without a role is told so") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script server(a.loop, {{{http_reply(200, "t")}}, {{http_reply(404, "")}}});
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url();
  CHECK(first_of(a).error().what == "the instance has no role");
}

TEST_CASE("in a container, instance metadata is not asked") {
  aws_network a;
  a.files.variables.erase("AWS_EC2_METADATA_DISABLED");
  http_script instance(a.loop, {{{}}});
  http_script container(a.loop, {{{http_reply(404, "")}}});
  a.files.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = instance.url();
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url();
  CHECK(!first_of(a));
  CHECK(instance.requests.empty());
}
