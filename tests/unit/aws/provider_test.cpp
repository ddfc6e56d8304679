#include "aws/provider.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "support/http_script.hpp"
#include "unit/aws/aws_files.hpp"

using namespace sluice;
using namespace sluice::aws;
using tests::aws_files;

namespace {

boost::asio::awaitable<result<credentials>> get(std::shared_ptr<credentials_provider> provider,
                                                bool refresh) {
  auto c = co_await provider->get(refresh);
  if (!c) co_return c.error();
  co_return **c;
}

result<credentials> ask(const std::shared_ptr<credentials_provider>& provider, bool refresh = false) {
  boost::asio::io_context loop;
  return tests::run_on(loop, get(provider, refresh));
}

result<credentials> first_of(const aws_files& files) {
  boost::asio::io_context loop;
  const auto provider = make_provider(files.env(), {.executor = loop.get_executor()});
  if (!provider) return provider.error();
  return ask(*provider);
}

std::string refusal_of(const aws_files& files) {
  const auto c = first_of(files);
  if (c) return "accepted";
  CHECK(c.error().code == errc::missing_credentials);
  CHECK(!c.error().fix.empty());
  return c.error().what;
}

}  // namespace

TEST_CASE("the environment wins, and nothing else is read") {
  aws_files files("not even a file", "[default]\naws_access_key_id = file\naws_secret_access_key = file\n");
  files.variables["AWS_ACCESS_KEY_ID"] = "id";
  files.variables["AWS_SECRET_ACCESS_KEY"] = "key";
  const auto c = first_of(files);
  REQUIRE(c.has_value());
  CHECK(c->access_key_id == "id");
  CHECK(c->secret_access_key.reveal() == "key");
  CHECK(c->session_token.empty());
  CHECK(c->source == "environment");
  files.variables["AWS_SESSION_TOKEN"] = "token";
  CHECK(first_of(files)->session_token.reveal() == "token");
}

TEST_CASE("the credentials file wins over the config file") {
  aws_files files(
      "[profile p]\naws_access_key_id = c\naws_secret_access_key = c\n[profile q]\naws_access_key_id = q\n"
      "aws_secret_access_key = qq\naws_session_token = qqq\n",
      "[p]\naws_access_key_id = f\naws_secret_access_key = ff\n");
  files.variables["AWS_PROFILE"] = "p";
  CHECK(first_of(files)->access_key_id == "f");
  CHECK(first_of(files)->source == "profile p");
  files.variables["AWS_PROFILE"] = "q";
  CHECK(first_of(files)->session_token.reveal() == "qqq");
}

TEST_CASE("half a pair is refused, with the other half's place") {
  aws_files files("", "[default]\n\naws_access_key_id = id\n");
  CHECK(refusal_of(files) ==
        "aws_access_key_id (" + files.credentials() + ":3) is given, aws_secret_access_key is not");
  files.variables["AWS_SECRET_ACCESS_KEY"] = "key";
  CHECK(refusal_of(files) == "AWS_SECRET_ACCESS_KEY is given, AWS_ACCESS_KEY_ID is not");
}

TEST_CASE("a line break in a key is found before AWS refuses the signature") {
  aws_files files("");
  files.variables["AWS_ACCESS_KEY_ID"] = "id";
  files.variables["AWS_SECRET_ACCESS_KEY"] = "hunter2\n";
  const std::string what = refusal_of(files);
  CHECK(what.starts_with("AWS_SECRET_ACCESS_KEY holds"));
  CHECK(what.find("hunter2") == std::string::npos);
}

TEST_CASE("what this does not do is refused by name, file and line") {
  aws_files files(
      "[profile sso]\nsso_session = s\n"
      "[profile process]\ncredential_process = /bin/true\n");
  files.variables["AWS_PROFILE"] = "sso";
  CHECK(refusal_of(files) == "profile sso uses SSO (" + files.config() + ":2), which sluice does not do");
  files.variables["AWS_PROFILE"] = "process";
  CHECK(refusal_of(files) ==
        "profile process runs a credential_process (" + files.config() + ":4), which sluice does not do");
}

TEST_CASE("none at all: the failure says where it looked") {
  aws_files files("");
  files.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  CHECK(refusal_of(files) == "no AWS credentials: not in the environment, not in profile default of " +
                                 files.config() + " and " + files.credentials());
}

TEST_CASE("a refresh reads the files again") {
  const aws_files files("", "[default]\naws_access_key_id = old\naws_secret_access_key = x\n");
  boost::asio::io_context loop;
  const auto provider = make_provider(files.env(), {.executor = loop.get_executor()});
  REQUIRE(provider.has_value());
  std::ofstream(files.credentials()) << "[default]\naws_access_key_id = new\naws_secret_access_key = x\n";
  CHECK(ask(*provider)->access_key_id == "old");
  CHECK(ask(*provider, true)->access_key_id == "new");
  CHECK(ask(*provider)->access_key_id == "new");
  std::ofstream(files.credentials()) << "[default]\n";
  CHECK(!ask(*provider, true));
  CHECK(ask(*provider)->access_key_id == "new");
}
