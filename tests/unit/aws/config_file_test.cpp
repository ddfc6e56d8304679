#include "aws/config_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

#include "support/seed.hpp"

using namespace sluice;
using namespace sluice::aws;

namespace {

std::string value_of(std::string_view text, std::string_view section, std::string_view name) {
  const auto file = parse_config_file(text, "f");
  if (!file) return "refused: " + file.error().what;
  const auto* const p = file->find(section, name);
  return p == nullptr ? "absent" : p->value;
}

}  // namespace

TEST_CASE("sections and properties are found, with blanks where people put them") {
  const std::string_view text =
      "# first\n"
      "[default]\n"
      "region=eu-west-1\r\n"
      "  \n"
      "[ profile   \"some one\" ] ; their own\n"
      "region = us-east-1 # a comment\n"
      "key = a#b;c\n"
      "; last\n"
      "empty =\n";
  CHECK(value_of(text, "default", "region") == "eu-west-1");
  CHECK(value_of(text, "profile some one", "region") == "us-east-1");
  CHECK(value_of(text, "profile some one", "key") == "a#b;c");
  CHECK(value_of(text, "profile some one", "empty") == "absent");
  CHECK(value_of(text, "profile other", "region") == "absent");
}

TEST_CASE("nested properties are found by their path") {
  const std::string_view text =
      "[services local]\n"
      "sqs =\n"
      "  endpoint_url = http://localhost:4566\n"
      "\tother = x\n"
      "s3 = \n"
      "  endpoint_url = http://localhost:9000\n"
      "[profile p]\n"
      "services = local\n"
      "cli = one\n"
      "  two\n";
  CHECK(value_of(text, "services local", "sqs.endpoint_url") == "http://localhost:4566");
  CHECK(value_of(text, "services local", "sqs.other") == "x");
  CHECK(value_of(text, "services local", "s3.endpoint_url") == "http://localhost:9000");
  CHECK(value_of(text, "profile p", "services") == "local");
  CHECK(value_of(text, "profile p", "cli") == "one\ntwo");
}

TEST_CASE("of properties and sections that come twice, the later adds and wins") {
  CHECK(value_of("[a]\nx=1\ny=2\n[b]\n[a]\nx=3", "a", "x") == "3");
  CHECK(value_of("[a]\nx=1\ny=2\n[b]\n[a]\nx=3", "a", "y") == "2");
}

TEST_CASE("a line that makes no sense is refused with file and line, and not repeated") {
  CHECK(value_of("[a]\n\nhunter2\n", "a", "x") == "refused: f:3: expected name = value");
  CHECK(value_of("[a]\n= hunter2\n", "a", "x") == "refused: f:2: expected name = value");
  CHECK(value_of("[a\n", "a", "x") == "refused: f:1: a section without its ]");
  CHECK(value_of("x = hunter2\n", "a", "x") == "refused: f:1: a property outside of any [section]");
  CHECK(value_of("[a]\ns =\n  hunter2\n", "a", "x") == "refused: f:3: expected name = value");
}

TEST_CASE("a file that is not there is empty, one that cannot be read is refused") {
  CHECK(load_config_file("/nonexistent/config").value().sections.empty());
  const auto directory = load_config_file("/");
  REQUIRE(!directory);
  CHECK(directory.error().what.starts_with("cannot read /: "));
}

TEST_CASE("no text breaks the parser") {
  auto random = tests::seeded_random();
  CAPTURE(tests::seed());
  const std::string_view letters = "[]=#; \t\n\r\"ab.";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 60, '\0');
    for (char& c : text) c = letters[random() % letters.size()];
    CAPTURE(text);
    const auto file = parse_config_file(text, "f");
    CHECK((file || file.error().code == errc::bad_configuration));
  }
}
