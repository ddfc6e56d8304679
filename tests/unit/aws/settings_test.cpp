#include "aws/settings.hpp"

#include <catch2/catch_test_macros.hpp>

#include "aws/endpoints.hpp"
#include "unit/aws/aws_files.hpp"

using namespace sluice;
using namespace sluice::aws;
using tests::aws_files;

namespace {

constexpr const char* config =
    "[default]\n"
    "region = eu-west-1\n"
    "endpoint_url = http://default\n"
    "[profile local]\n"
    "region = eu-north-1\n"
    "services = s\n"
    "endpoint_url = http://profile\n"
    "ca_bundle = /ca.pem\n"
    "use_dualstack_endpoint = TRUE\n"
    "[services s]\n"
    "sqs =\n"
    "  endpoint_url = http://service\n"
    "[profile broken]\n"
    "services = nowhere\n"
    "region = EU West\n";

failure refused(const aws_files& files) {
  const auto s = load_settings(files.env());
  REQUIRE(!s);
  CHECK(s.error().code == errc::bad_configuration);
  return s.error();
}

}  // namespace

TEST_CASE("without environment or files there is nothing, and that is no failure") {
  const aws_files files("");
  const auto s = load_settings(files.env());
  REQUIRE(s.has_value());
  CHECK(s->profile == "default");
  CHECK(s->region.empty());
  CHECK(!s->endpoint_url);
}

TEST_CASE("the region comes from AWS_REGION, AWS_DEFAULT_REGION, the profile, in this order") {
  aws_files files(config);
  CHECK(load_settings(files.env())->region == "eu-west-1");
  CHECK(load_settings(files.env())->region_source == files.config() + ":2");
  files.variables["AWS_PROFILE"] = "local";
  CHECK(load_settings(files.env())->region == "eu-north-1");
  files.variables["AWS_DEFAULT_REGION"] = "us-west-1";
  CHECK(load_settings(files.env())->region == "us-west-1");
  files.variables["AWS_REGION"] = "us-west-2";
  CHECK(load_settings(files.env())->region == "us-west-2");
  CHECK(load_settings(files.env())->region_source == "AWS_REGION");
}

TEST_CASE("the endpoint comes from the most particular place") {
  aws_files files(config);
  CHECK(load_settings(files.env())->endpoint_url == "http://default");
  files.variables["AWS_PROFILE"] = "local";
  CHECK(load_settings(files.env())->endpoint_url == "http://service");
  CHECK(load_settings(files.env())->endpoint_source == files.config() + ":12");
  files.variables["AWS_ENDPOINT_URL"] = "http://all";
  CHECK(load_settings(files.env())->endpoint_url == "http://all");
  files.variables["AWS_ENDPOINT_URL_SQS"] = "http://sqs";
  CHECK(load_settings(files.env())->endpoint_url == "http://sqs");
  CHECK(load_settings(files.env())->endpoint_source == "AWS_ENDPOINT_URL_SQS");
  files.variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  CHECK(!load_settings(files.env())->endpoint_url);
}

TEST_CASE("trust and endpoint variants are read too") {
  aws_files files(config);
  files.variables["AWS_PROFILE"] = "local";
  const auto s = load_settings(files.env());
  CHECK(s->ca_bundle == "/ca.pem");
  CHECK(s->dual_stack);
  CHECK(!s->fips);
  files.variables["AWS_CA_BUNDLE"] = "/other.pem";
  files.variables["AWS_USE_DUALSTACK_ENDPOINT"] = "false";
  CHECK(load_settings(files.env())->ca_bundle == "/other.pem");
  CHECK(!load_settings(files.env())->dual_stack);
}

TEST_CASE("the files can be elsewhere") {
  aws_files files("[default]\nregion = eu-west-1\n");
  aws_files others("[default]\nregion = eu-west-2\n", "[default]\nregion = eu-west-3\n");
  files.variables["AWS_CONFIG_FILE"] = others.config();
  CHECK(load_settings(files.env())->region == "eu-west-2");
  files.variables["AWS_SHARED_CREDENTIALS_FILE"] = others.credentials();
  CHECK(load_settings(files.env())->region == "eu-west-3");
  files.variables["AWS_SHARED_CREDENTIALS_FILE"] = "~/none";
  files.variables["AWS_CONFIG_FILE"] = "~/.aws/config";
  CHECK(load_settings(files.env())->region == "eu-west-1");
}

TEST_CASE("[profile default] goes before [default]") {
  const aws_files files("[profile default]\nregion = eu-west-2\n[default]\nregion = eu-west-1\n");
  CHECK(load_settings(files.env())->region == "eu-west-2");
}

TEST_CASE("what cannot be right is refused with its place") {
  aws_files files(config, "[default]\nkey\n");
  CHECK(refused(files).what == files.credentials() + ":2: expected name = value");
  files.variables["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent";
  files.variables["AWS_PROFILE"] = "nobody";
  CHECK(refused(files).what ==
        "AWS_PROFILE is nobody, but there is no such profile in " + files.config() + " and /nonexistent");
  files.variables["AWS_PROFILE"] = "broken";
  CHECK(refused(files).what == files.config() + ":15: \"EU West\" is not a region");
  files.variables["AWS_REGION"] = "eu-west-1";
  CHECK(refused(files).what == files.config() + ":14: there is no section [services nowhere]");
  files.variables["AWS_ENDPOINT_URL"] = "http://x";
  CHECK(load_settings(files.env()).has_value());
  files.variables["AWS_USE_FIPS_ENDPOINT"] = "yes";
  CHECK(refused(files).what == "AWS_USE_FIPS_ENDPOINT: \"yes\" is neither true nor false");
}

TEST_CASE("SQS endpoints by partition and variant") {
  CHECK(regional_endpoint("sqs", "eu-west-1") == "https://sqs.eu-west-1.amazonaws.com");
  CHECK(regional_endpoint("sqs", "cn-north-1") == "https://sqs.cn-north-1.amazonaws.com.cn");
  CHECK(regional_endpoint("sqs", "us-east-1", true) == "https://sqs-fips.us-east-1.amazonaws.com");
  CHECK(regional_endpoint("sqs", "us-gov-west-1", true) == "https://sqs.us-gov-west-1.amazonaws.com");
  CHECK(regional_endpoint("sqs", "eu-west-1", false, true) == "https://sqs.eu-west-1.api.aws");
  CHECK(regional_endpoint("sqs", "us-east-1", true, true) == "https://sqs-fips.us-east-1.api.aws");
}
