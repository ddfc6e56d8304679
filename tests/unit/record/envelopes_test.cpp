#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "fixture.hpp"
#include "random_bodies.hpp"
#include "support/seed.hpp"

using namespace sluice;
using tests::body_reader;
using tests::compiled;

namespace {

constexpr const char* columns = R"(
[[column]]
name = 'a'
type = 'text'
[[column]]
name = 'n'
type = 'numeric'
required = false
)";

record::plan plan_with(const std::string& message, const std::string& more = {}) {
  return compiled("[table]\nname = 't'\n[message]\n" + message + columns + more).value();
}

/// Column `a` of each row, with commas between, or the verdict.
std::string rows_of(body_reader& reader, const std::string& body, const record::envelope& e = {}) {
  const auto r = reader.read(body, e);
  if (r.outcome.what != record::outcome::kind::row)
    return std::string(r.outcome.why) + " " + std::string(r.outcome.column);
  std::string all;
  for (const auto& row : r.rows) all += (all.empty() ? "" : ",") + row.at(0).value();
  return all;
}

}  // namespace

TEST_CASE("a body of many rows gives all of them, or none") {
  body_reader reader(plan_with("rows = '/events'"));
  CHECK(rows_of(reader, R"({"events":[{"a":"x","n":1},{"n":2.50,"a":"y"},{"a":"z"}]})") == "x,y,z");
  CHECK(rows_of(reader, R"({"events":[]})").empty());
  CHECK(reader.read(R"({"events":[]})").outcome.rows == 0);
  CHECK(rows_of(reader, R"({"events":[{"a":"x"},{"a":7},{"a":"z"}]})") == "wrong_type a");
  CHECK(rows_of(reader, R"({"events":[{"a":"x"},{"a":"y","a":"z"}]})") == "duplicate_field a");
  CHECK(rows_of(reader, R"({"events":[{"a":"x"},[]]})") == "not_an_object /events");
  CHECK(rows_of(reader, R"({"events":{"a":"x"}})") == "wrong_type /events");
  CHECK(rows_of(reader, R"({"event":[]})") == "missing_field /events");
  CHECK(rows_of(reader, R"({"events":[],"events":[]})") == "duplicate_field /events");
  CHECK(rows_of(reader, R"([{"a":"x"}])") == "not_an_object ");
}

TEST_CASE("numbers keep their digits in each of many rows") {
  body_reader reader(plan_with("rows = '/events'"));
  const auto r =
      reader.read(R"({"events": [ {"a":"[{", "n": 0.10} , {"n":100000000000000000000.5,"a":""} ]})");
  REQUIRE(r.rows.size() == 2);
  CHECK(hex(bytes_of(r.rows[0].at(1).value())) == "0001ffff0000000203e8");
  CHECK(hex(bytes_of(r.rows[1].at(1).value())) ==
        "0007000500000001000100000000000000000000"
        "1388");
}

TEST_CASE("a row knows its number and the body that it is part of") {
  body_reader reader(plan_with("rows = '/events'", R"(
[[column]]
name = 'device'
type = 'text'
from = '@body/meta/device'
[[column]]
name = 'number'
type = 'integer'
from = '@row_number'
)"));
  const auto r = reader.read(R"({"events":[{"a":"x"},{"a":"y"}],"meta":{"device":"d"}})");
  REQUIRE(r.rows.size() == 2);
  CHECK(r.rows[1].at(2) == "d");
  CHECK(tests::binary_value<std::int32_t>(r.rows[1].at(3).value()) == 1);
  CHECK(rows_of(reader, R"({"events":[{"a":"x"}],"meta":{}})") == "missing_field device");
}

TEST_CASE("rows that do not fit are none") {
  const std::string body = R"({"events":[{"a":"first"},{"a":"second"},{"a":"third"}]})";
  body_reader roomy(plan_with("rows = '/events'"));
  CHECK(rows_of(roomy, body) == "first,second,third");
  for (std::size_t room = 0; room < 45; ++room) {
    body_reader reader(plan_with("rows = '/events'"), room);
    CHECK(reader.read(body).outcome.what == record::outcome::kind::full);
  }
}

TEST_CASE("a body that its rows multiply beyond all bounds is refused") {
  body_reader reader(
      plan_with("rows = '/list'", "[[column]]\nname = 'all'\ntype = 'jsonb'\nfrom = '@body'\n"), 32U << 20U);
  const auto body = [](std::size_t rows) {
    std::string list;
    for (std::size_t i = 0; i < rows; ++i) list += std::string(i > 0 ? "," : "") + R"({"a":"x"})";
    return "{\"list\":[" + list + "]}";
  };
  CHECK(reader.read(body(1'000)).outcome.rows == 1'000);
  CHECK(reader.verdict(body(2'000)) == "too_large ");
}

TEST_CASE("a notification of SNS is opened") {
  body_reader reader(plan_with("envelope = 'sns'", R"(
[[column]]
name = 'subject'
type = 'text'
from = '@envelope/Subject'
required = false
[[column]]
name = 'retries'
type = 'integer'
from = '@attribute/retries'
default = 0
)"));
  const nlohmann::json record = {{"a", "\"quoted\" \\ \u00e9"}};
  nlohmann::json body = {{"Type", "Notification"},
                         {"Subject", "news"},
                         {"MessageAttributes", {{"retries", {{"Type", "Number"}, {"Value", "3"}}}}},
                         {"Message", record.dump()}};
  const auto r = reader.read(body.dump());
  REQUIRE(r.rows.size() == 1);
  CHECK(r.fields.at(0) == "\"quoted\" \\ \u00e9");
  CHECK(r.fields.at(2) == "news");
  CHECK(tests::binary_value<std::int32_t>(r.fields.at(3).value()) == 3);

  body["Message"] = "{\"a\":1";
  CHECK(reader.verdict(body.dump()) == "not_json /Message");
  body["Message"] = "7";
  CHECK(reader.verdict(body.dump()) == "not_an_object /Message");
  body["Message"] = record;
  CHECK(reader.verdict(body.dump()) == "bad_envelope /Message");
  body["Message"] = R"({"a":"x","n":1e999})";
  CHECK(reader.verdict(body.dump()) == "row");
  body.erase("Message");
  CHECK(reader.verdict(body.dump()) == "bad_envelope /Message");
  CHECK(reader.verdict(R"({"Message":"{}","Message":"{}"})") == "duplicate_field /Message");
}

TEST_CASE("an event of EventBridge is opened") {
  body_reader reader(plan_with("envelope = 'eventbridge'", R"(
[[column]]
name = 'at'
type = 'timestamptz'
from = '@envelope/time'
[[column]]
name = 'kind'
type = 'text'
from = '@envelope/detail-type'
)"));
  const std::string body =
      R"({"version":"0","detail-type":"Login","time":"2000-01-01T00:00:01Z","detail":{"n":1.10,"a":"x"}})";
  const auto r = reader.read(body);
  REQUIRE(r.rows.size() == 1);
  CHECK(r.fields.at(0) == "x");
  CHECK(hex(bytes_of(r.fields.at(1).value())) == "0002000000000002000103e8");
  CHECK(tests::binary_value<std::int64_t>(r.fields.at(2).value()) == 1'000'000);
  CHECK(r.fields.at(3) == "Login");
  CHECK(reader.verdict(R"({"detail":"x"})") == "bad_envelope /detail");
  CHECK(reader.verdict(R"({"a":"x"})") == "bad_envelope /detail");
}

TEST_CASE("an S3 notification gives a row for each record, and its test event none") {
  const auto p = compiled(R"(
[table]
name = 't'
[message]
envelope = 's3'
[[column]]
name = 'key'
type = 'text'
from = '/s3/object/key'
transform = 'percent_decode'
[[column]]
name = 'size'
type = 'bigint'
from = '/s3/object/size'
required = false
)");
  body_reader reader(p.value());
  CHECK(rows_of(
            reader,
            R"({"Records":[{"s3":{"object":{"key":"a+b%2Fc","size":1}}},{"s3":{"object":{"key":"d"}}}]})") ==
        "a b/c,d");
  CHECK(reader.read(R"({"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"})").outcome.rows == 0);
  CHECK(reader.verdict(R"({"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"})") == "row");
  CHECK(reader.verdict(R"({"Event":"s3:Other"})") == "missing_field /Records");
}

TEST_CASE("fields that no column reads are ignored, refused or collected") {
  const std::string body = R"({"a":"x","b":{"c": 1.50},"m":{"mail":"x@y","age":[1, 2]}})";
  body_reader ignoring(plan_with("unknown = 'ignore'"));
  CHECK(ignoring.verdict(body) == "row");
  body_reader refusing(plan_with("unknown = 'refuse'"));
  CHECK(refusing.verdict(body) == "unknown_field ");
  CHECK(refusing.verdict(R"({"a":"x","n":1})") == "row");

  const auto collected = [](const std::string& more, const std::string& json) {
    body_reader reader(
        plan_with("", more + "[[column]]\nname = 'rest'\ntype = 'jsonb'\nfrom = '@unknown'\n"));
    const auto r = reader.read(json);
    return r.rows.empty() ? std::string(r.outcome.why) : r.fields.back().value().substr(1);
  };
  CHECK(collected("", body) == R"({"b":{"c":1.50},"m":{"mail":"x@y","age":[1,2]}})");
  CHECK(collected("", R"({"a":"x"})") == "{}");
  CHECK(collected("", R"({"a":"x","z":"\u0000"})") == "nul_character");
  CHECK(collected("", R"({"a":"x","\u006e":1,"N":2})") == R"({"N":2})");

  const std::string mail =
      "[[column]]\nname='mail'\ntype='text'\nfrom='/m/mail'\nmask='aes_siv'\nrequired=false\n";
  CHECK(collected(mail, body) == R"({"b":{"c":1.50},"m":{"age":[1,2]}})");
  CHECK(collected(mail, R"({"a":"x","m":{"\u006dail":"x@y"}})") == "{}");
  // Not where the plan expects it: but perhaps just what it masks.
  CHECK(collected(mail, R"({"a":"x","m":"x@y"})") == "{}");
  CHECK(collected(mail, R"({"a":"x","m":["x@y"]})") == "{}");
}

TEST_CASE("a row is the same whatever it comes in") {
  const std::string table = "[table]\nname = 't'\n";
  const auto columns_only = compiled(table + columns).value();
  tests::random_bodies random(columns_only, tests::seed());
  body_reader alone(columns_only);
  body_reader sns(plan_with("envelope = 'sns'"));
  body_reader bridge(plan_with("envelope = 'eventbridge'"));
  body_reader list(plan_with("rows = '/list'"));
  for (int i = 0; i < 3'000; ++i) {
    const std::string body = random.next();
    CAPTURE(tests::seed(), i, body);
    const auto r = alone.read(body);
    if (r.outcome.why == "not_json" || r.outcome.why == "not_an_object") continue;
    const std::string as_text = nlohmann::json(body).dump();
    CHECK(sns.read("{\"Message\":" + as_text + "}").rows == r.rows);
    CHECK(bridge.read("{\"x\":0, \"detail\": " + body + "}").rows == r.rows);
    auto twice = r.rows;
    twice.insert(twice.end(), r.rows.begin(), r.rows.end());
    const auto both = list.read("{\"list\":[" + body + "," + body + "]}");
    CHECK(both.rows == twice);
    CHECK(both.outcome.why == r.outcome.why);
  }
}
