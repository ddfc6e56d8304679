#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "mask/unmask.hpp"
#include "support/repository.hpp"

using namespace sluice;
using record::envelope;
using tests::body_reader;

namespace {

std::string text_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream in(text_of_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

record::plan example(const std::string& name) {
  const std::string path = tests::repository_file("examples/") + name;
  return tests::compiled(text_of_file(path), name).value();
}

/// As in the golden file: tabs between, \N for null.
std::string tab_separated(const tests::copy_tuple& fields, std::size_t count) {
  std::string line;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) line += '\t';
    line += fields[i] ? *fields[i] : "\\N";
  }
  return line;
}

}  // namespace

TEST_CASE("examples/login-events.toml is the built-in plan") {
  record::plan written = example("login-events.toml");
  const record::plan built_in = record::login_events();
  CHECK(written.schema == built_in.schema);
  CHECK(written.table == built_in.table);
  REQUIRE(written.columns.size() == built_in.columns.size());
  for (std::size_t i = 0; i < built_in.columns.size(); ++i) {
    INFO(built_in.columns[i].name);
    CHECK(written.columns[i].line > 0);
    written.columns[i].line = 0;
    CHECK(written.columns[i] == built_in.columns[i]);
  }
}

TEST_CASE("the login-events plan makes the exercise's table") {
  std::string sql;
  for (const record::column& c : record::login_events().columns) sql += c.name + " " + c.sql_type() + ", ";
  CHECK(
      sql ==
      "user_id varchar(128), device_type varchar(32), masked_ip varchar(256), masked_device_id varchar(256), "
      "locale varchar(32), app_version integer, create_date date, ");
}

TEST_CASE("the compatibility plan gives the exercise's rows, and sets one message aside") {
  const auto messages = lines_of(tests::repository_file("tests/data/login-events/login-events.ndjson"));
  const auto golden = lines_of(tests::repository_file("tests/data/login-events/golden_seed_rows.tsv"));
  REQUIRE(messages.size() == 100);
  body_reader reader(example("login-events-compat.toml"));
  std::size_t row = 0;
  std::size_t refused = 0;
  for (const std::string& message : messages) {
    // 2026-01-02, in the last millisecond.
    const auto r = reader.read(message, {.received_ms = 1'767'398'399'999});
    if (r.outcome.what == record::outcome::kind::refused) {
      CHECK(r.outcome.why == "missing_field");
      CHECK(r.outcome.column == "user_id");
      ++refused;
      continue;
    }
    ++row;
    INFO(message);
    REQUIRE(r.fields.size() == 7);
    const auto major = tests::binary_value<std::int32_t>(r.fields[5].value());
    const std::string line = tab_separated(r.fields, 5) + '\t' + std::to_string(major);
    // The golden file has the raw version behind it.
    CHECK(golden.at(row).substr(0, golden[row].rfind('\t')) == line);
    CHECK(tests::binary_value<std::int32_t>(r.fields[6].value()) == 20'455 - 10'957);
  }
  CHECK(row == 99);
  CHECK(row + 1 == golden.size());
  CHECK(refused == 1);
}

TEST_CASE("the built-in plan masks with the key, packs the version and takes the day of sending") {
  body_reader reader(record::login_events());
  const auto r = reader.read(
      R"({"user_id": "u-1", "app_version": "7.2.11", "device_type": "ios", "ip": "199.172.111.135",)"
      R"( "locale": null, "device_id": "593-47-5928"})",
      {.sent_ms = 1'767'312'000'000, .received_ms = 1'800'000'000'000});
  REQUIRE(r.fields.size() == 7);
  CHECK(r.fields[0] == "u-1");
  CHECK(r.fields[1] == "ios");
  CHECK(r.fields[2] == "k1.pVE9denCPqQr4Z1jwDgeY2iC8CS_SJetWwty_BReoQ");
  const mask::rule device{.how = mask::scheme::aes_siv, .domain = "device_id"};
  CHECK(mask::unmask(r.fields[3].value(), device, *tests::test_keys()).value().value == "593-47-5928");
  CHECK_FALSE(r.fields[4]);
  CHECK(tests::binary_value<std::int32_t>(r.fields[5].value()) == 7'002'011);
  CHECK(tests::binary_value<std::int32_t>(r.fields[6].value()) == 20'455 - 10'957);
}
