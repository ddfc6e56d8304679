#include "record/personal.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "fixture.hpp"

using namespace sluice;
using fields = std::vector<std::string>;

namespace {

/// Of columns c0, c1, ..., each with this in its section.
record::plan plan_with(const std::vector<std::string>& columns) {
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i)
    text += "[[column]]\nname = 'c" + std::to_string(i) + "'\n" + columns[i] + "\n";
  return tests::plan_of(text);
}

const std::string text = "type = 'text'\n";
const std::string jsonb = "type = 'jsonb'\n";

}  // namespace

TEST_CASE("the fields that a plan masks have the names that plans give them") {
  const auto p =
      plan_with({text + "from = '/user/ip'\nmask = 'aes_siv'", text + "from = '/locale'",
                 text + "from = '@attribute/ip'\nmask = 'redact'", text + "from = '/os'\nmask = 'base64'"});
  CHECK(record::masked_fields(p) == fields{"/user/ip", "@attribute/ip"});
}

TEST_CASE("a field is exposed where a column would store it, alone or within another") {
  const fields ip{"/user/ip"};
  CHECK(record::exposed_fields(plan_with({text + "from = '/user/ip'\nmask = 'aes_siv'"}), ip).empty());
  CHECK(record::exposed_fields(plan_with({text + "from = '/user/ipv4'", text + "from = '/user/i'"}), ip)
            .empty());
  CHECK(record::exposed_fields(plan_with({text + "from = '/user/ip'"}), ip) == ip);
  CHECK(record::exposed_fields(plan_with({text + "from = '/user/ip'\nmask = 'base64'"}), ip) == ip);
  CHECK(record::exposed_fields(plan_with({jsonb + "from = '/user'"}), ip) == ip);
  CHECK(record::exposed_fields(
            plan_with({text + "from = '/user/ip'\nmask = 'redact'", jsonb + "from = '/user'"}), ip) == ip);
}

TEST_CASE("what no column reads may be in the column of all the rest") {
  const fields ip{"/ip"};
  const std::string rest = jsonb + "from = '@unknown'";
  CHECK(record::exposed_fields(plan_with({rest}), ip) == ip);
  CHECK(record::exposed_fields(plan_with({rest, text + "from = '/ip'\nmask = 'aes_siv'"}), ip).empty());
}
