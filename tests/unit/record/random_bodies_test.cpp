#include "random_bodies.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "fixture.hpp"
#include "oracle.hpp"
#include "support/repository.hpp"
#include "support/seed.hpp"

using namespace sluice;
using tests::body_reader;

namespace {

std::string printed(const tests::copy_field& f) {
  return f ? hex(bytes_of(*f)) : "null";
}

std::map<std::string, std::size_t> compare(const record::plan& p, std::size_t bodies) {
  std::map<std::string, std::size_t> verdicts;
  tests::random_bodies random(p, tests::seed());
  body_reader reader(p);
  const std::array<sqs::message_attribute, 2> attributes{{{"tenant", "acme"}, {"attempt", "17"}}};
  const record::envelope e{.message_id = parse_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").value(),
                           .sent_ms = 1'767'323'045'678,
                           .received_ms = -1,
                           .receive_count = 2,
                           .attributes = attributes};
  for (std::size_t i = 0; i < bodies; ++i) {
    const std::string body = random.next();
    const tests::expectation expected = tests::expect(p, body, e);
    const tests::read_result got = reader.read(body, e);
    CAPTURE(tests::seed(), i, body, expected.column);
    REQUIRE(got.outcome.why == expected.reason);
    REQUIRE(got.outcome.column == expected.column);
    REQUIRE(got.fields.size() == expected.fields.size());
    for (std::size_t f = 0; f < got.fields.size(); ++f) {
      CAPTURE(p.columns[f].name, printed(expected.fields[f]), printed(got.fields[f]));
      if (!tests::same_field(p.columns[f], expected.fields[f], got.fields[f])) {
        REQUIRE(got.fields[f] == expected.fields[f]);
      }
    }
    ++verdicts[expected.reason];
  }
  return verdicts;
}

}  // namespace

TEST_CASE("login events become what another JSON library makes of them") {
  const auto verdicts = compare(record::login_events(), 20'000);
  for (const char* reason :
       {"", "not_json", "not_an_object", "missing_field", "duplicate_field", "null_value", "wrong_type",
        "out_of_range", "too_long", "nul_character", "bad_version"}) {
    INFO(reason);
    CHECK(verdicts.contains(reason));
  }
}

TEST_CASE("bodies of every type become what another JSON library makes of them") {
  std::ifstream file(tests::repository_file("examples/all-types.toml"));
  std::ostringstream text;
  text << file.rdbuf();
  const auto verdicts = compare(tests::compiled(text.str()).value(), 10'000);
  for (const char* reason :
       {"", "not_json", "not_an_object", "missing_field", "duplicate_field", "null_value", "wrong_type",
        "out_of_range", "too_long", "nul_character", "bad_version", "bad_format", "unmapped_value"}) {
    INFO(reason);
    CHECK(verdicts.contains(reason));
  }
  CHECK(verdicts.at("") > 500);
}
