// Roles: AssumeRole by a profile, AssumeRoleWithWebIdentity by a token file.
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "core/verdict.hpp"
#include "unit/aws/network_fixture.hpp"

using namespace sluice;
using namespace sluice::aws;
using namespace tests;

namespace {

struct with_sts : aws_network {
  explicit with_sts(const std::string& config, std::vector<http_script::connection_script> script)
      : server(loop, std::move(script)) {
    std::ofstream(files.config()) << config;
    files.variables["AWS_REGION"] = "eu-west-1";
    files.variables["AWS_ENDPOINT_URL_STS"] = server.url();
    files.variables["AWS_PROFILE"] = "p";
  }
  http_script server;
};

std::string role_reply(const std::string& id) {
  return http_reply(200, keys_as_xml("AssumeRole", id, evening));
}

constexpr const char* role_and_source =
    "[profile p]\nrole_arn = arn:aws:iam::1:role/x+y\nsource_profile = base\nexternal_id = a b\n"
    "role_session_name = me\nduration_seconds = 900\n"
    "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = b\n";

}  // namespace

TEST_CASE("a profile's role is assumed with its source profile's keys") {
  with_sts a(role_and_source, {{{role_reply("ASIA")}}});
  const auto c = first_of(a);
  REQUIRE(c.has_value());
  CHECK(c->access_key_id == "ASIA");
  CHECK(c->secret_access_key.reveal() == "secret/ASIA");
  CHECK(c->source == "role arn:aws:iam::1:role/x+y");
  CHECK(c->expires_at == a.now + 6h);
  const std::string& sent = a.server.requests.front();
  CHECK(sent.starts_with("POST / HTTP/1.1\r\n"));
  CHECK(holds(sent,
              "Authorization: AWS4-HMAC-SHA256 Credential=BASE/20260102/eu-west-1/sts/aws4_request, "
              "SignedHeaders=content-type;host;x-amz-date, Signature="));
  CHECK(
      sent.ends_with("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx%2By&"
                     "RoleSessionName=me&DurationSeconds=900&ExternalId=a%20b"));
}

TEST_CASE("a role may be assumed with another role, and with a profile's own keys") {
  with_sts chained(
      "[profile p]\nrole_arn = outer\nsource_profile = q\n[profile q]\nrole_arn = inner\nsource_profile = q\n"
      "aws_access_key_id = OWN\naws_secret_access_key = o\n",
      {{{role_reply("INNER")}}, {{role_reply("OUTER")}}});
  CHECK(first_of(chained)->access_key_id == "OUTER");
  CHECK(holds(chained.server.requests[0], "Credential=OWN/"));
  CHECK(holds(chained.server.requests[1], "Credential=INNER/"));
  CHECK(holds(chained.server.requests[1], "X-Amz-Security-Token: token==\r\n"));
}

TEST_CASE("credential_source names who asks for the role") {
  const std::string config = "[profile p]\nrole_arn = r\ncredential_source = ";
  with_sts a(config + "EcsContainer\n",
             {{{http_reply(200, keys_as_json("TASK", evening))}}, {{role_reply("ROLE")}}});
  a.files.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = a.server.url();
  CHECK(first_of(a)->access_key_id == "ROLE");
  CHECK(holds(a.server.requests[1], "Credential=TASK/"));

  with_sts nonsense(config + "Elsewhere\n", {});
  CHECK(first_of(nonsense).error().code == errc::bad_configuration);
}

TEST_CASE("a role that cannot be assumed is refused by profile and reason") {
  const std::pair<const char*, const char*> refused[] = {
      {"role_arn = r\n", "one of the two"},
      {"role_arn = r\nsource_profile = b\ncredential_source = Environment\n", "one of the two"},
      {"role_arn = r\nsource_profile = nobody\n", "no profile nobody"},
      {"role_arn = r\nsource_profile = p\n", "no credentials"},
      {"role_arn = r\nsource_profile = q\n[profile q]\nrole_arn = s\nsource_profile = p\n", "leads back"},
      {"role_arn = r\nsource_profile = p\nmfa_serial = s\n", "asks for a code"},
      {"web_identity_token_file = /t\n", "without role_arn"},
  };
  for (const auto& [config, reason] : refused) {
    INFO(config);
    with_sts a(std::string("[profile p]\n") + config, {});
    const auto c = first_of(a);
    REQUIRE(!c);
    CHECK(classify(c.error()) == verdict::fatal);
    CHECK(holds(c.error().what, reason));
  }
}

TEST_CASE("web identity: unsigned, with the token as it is in the file") {
  with_sts a("", {{{http_reply(200, keys_as_xml("AssumeRoleWithWebIdentity", "POD", evening))}}});
  const std::string token_file = a.files.config() + ".token";
  std::ofstream(token_file) << "ey.J+/=";
  a.files.variables.erase("AWS_PROFILE");
  a.files.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = token_file;
  CHECK(first_of(a).error().what == "AWS_WEB_IDENTITY_TOKEN_FILE is given, AWS_ROLE_ARN is not");
  a.files.variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
  a.files.variables["AWS_ROLE_SESSION_NAME"] = "pod-1";
  CHECK(first_of(a)->access_key_id == "POD");
  const std::string& sent = a.server.requests.front();
  CHECK(!holds(sent, "Authorization"));
  CHECK(sent.ends_with(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpod&"
      "RoleSessionName=pod-1&WebIdentityToken=ey.J%2B%2F%3D"));
}

TEST_CASE("a refusal of STS shows its code, never its text; what may pass is tried again") {
  const auto refusal = [](const char* code) {
    return std::string("<ErrorResponse><Error><Code>") + code +
           "</Code><Message>hunter2</Message></Error></ErrorResponse>";
  };
  with_sts denied(role_and_source, {{{http_reply(403, refusal("AccessDenied"))}}});
  const auto c = first_of(denied);
  REQUIRE(!c);
  CHECK(c.error().code == aws_errc::access_denied);
  CHECK(holds(c.error().what, "AccessDenied"));
  CHECK(!holds(c.error().line(), "hunter2"));

  with_sts busy(role_and_source, {{{http_reply(503, refusal("Throttling"))}},
                                  {{http_reply(400, refusal("IDPCommunicationError"))}},
                                  {{role_reply("AT-LAST")}}});
  CHECK(first_of(busy)->access_key_id == "AT-LAST");
}

TEST_CASE("keys that STS refuses are read again, once: another program may have replaced them") {
  const std::string expired = http_reply(
      403, "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code></Error></ErrorResponse>");
  SECTION("and are others now") {
    with_sts a(role_and_source, {{{expired}}, {{role_reply("ASIA")}}});
    auto provider = a.provider().value();
    std::ofstream(a.files.config()) << std::string(role_and_source)
                                           .replace(std::string_view(role_and_source).find("= BASE"), 6,
                                                    "= NEXT");
    CHECK(run_on(a.loop, get(provider))->access_key_id == "ASIA");
    REQUIRE(a.server.requests.size() == 2);
    CHECK(holds(a.server.requests[0], "Credential=BASE/"));
    CHECK(holds(a.server.requests[1], "Credential=NEXT/"));
  }
  SECTION("and are the same") {
    with_sts a(role_and_source, {{{expired}}, {{role_reply("ASIA")}}});
    const auto c = first_of(a);
    REQUIRE(!c);
    CHECK(classify(c.error()) == verdict::auth);
    CHECK(a.server.requests.size() == 1);
  }
}
