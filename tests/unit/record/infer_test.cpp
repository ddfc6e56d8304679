#include "record/infer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "record/personal.hpp"

using namespace sluice;
using bodies = std::vector<std::string>;

namespace {

/// "name type transform, ..." of what is proposed.
std::string columns_of(const bodies& samples) {
  const auto proposed = record::infer(samples, "t").value();
  std::string all;
  for (const record::column& c : proposed.plan.columns) {
    all += (all.empty() ? "" : ", ") + c.name + " " + c.sql_type();
    if (c.mask) all += " masked";
    if (!c.required) all += " optional";
    if (c.required && c.nullable) all += " nullable";
  }
  return all;
}

}  // namespace

TEST_CASE("a column has the narrowest type that holds all its values") {
  CHECK(columns_of({R"({"a":"x","b":1,"c":1.5,"d":true,"e":"2026-01-02","f":"2026-01-02T03:04:05Z"})"}) ==
        "a text, b bigint, c numeric, d boolean, e date, f timestamptz");
  CHECK(columns_of({R"({"a":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","b":"::1","c":18446744073709551616})"}) ==
        "a uuid, b inet, c numeric");
  CHECK(columns_of({R"({"a":1})", R"({"a":"1"})"}) == "a jsonb");
  CHECK(columns_of({R"({"a":1})", R"({"a":0.5})"}) == "a numeric");
  CHECK(columns_of({R"({"a":"2026-01-02"})", R"({"a":"soon"})"}) == "a text");
  CHECK(columns_of({R"({"a":["x",null],"b":[1,2.5],"c":[],"d":[[1]],"e":[1,"x"]})"}) ==
        "a text[], b numeric[], c jsonb, d jsonb, e jsonb");
}

TEST_CASE("a whole number is a time only by its name and its size") {
  const auto change = [](const std::string& body) {
    return record::infer(bodies{body}, "t").value().plan.columns[0].change;
  };
  CHECK(change(R"({"ts":1767323045})") == record::transform::epoch_seconds);
  CHECK(change(R"({"created_at":1767323045678})") == record::transform::epoch_milliseconds);
  CHECK(change(R"({"ts":12})") == record::transform::none);
  CHECK(change(R"({"count":1767323045})") == record::transform::none);
  CHECK(change(R"({"when":"2026-01-02T03:04:05"})") == record::transform::assume_utc);
}

TEST_CASE("nested objects are columns, and names are made for SQL") {
  CHECK(
      columns_of({R"({"device":{"osVersion":"x","a/b":1,"deep":{"er":{"x":1}}},"3d":true,"A":1,"a":2})"}) ==
      "device_os_version text, device_a_b bigint, device_deep_er jsonb, f_3d boolean, a bigint, a_2 bigint");
  const auto p = record::infer(bodies{R"({"device":{"a/b~":1}})"}, "My events").value().plan;
  CHECK(p.columns[0].from == "/device/a~1b~0");
  CHECK(p.table == "my_events");
}

TEST_CASE("what few records lack is required, what more lack is not") {
  bodies samples(10, R"({"a":1,"b":null})");
  samples[3] = "{}";
  CHECK(columns_of(samples) == "a bigint, b text nullable");
  samples[4] = "{}";
  CHECK(columns_of(samples) == "a bigint optional, b text optional");
}

TEST_CASE("what looks personal is masked, or left out") {
  CHECK(columns_of({R"({"ip":"::1","device":{"id":"x"},"email":["a"],"birthday":"2000-01-01"})"}) ==
        "ip text masked, device_id text masked, email text[] masked, birthday text masked");
  const auto proposed = record::infer(bodies{R"({"phone":123,"a":1})"}, "t").value();
  CHECK(proposed.plan.columns.size() == 1);
  CHECK(proposed.notes ==
        std::vector<std::string>{
            "/phone looks personal, and is bigint: only text can be masked, so it is left out"});
}

TEST_CASE("a name looks personal by its words") {
  for (const char* name : {"ip", "clientIp", "CLIENT_IP", "device-id", "deviceId", "email", "firstName",
                           "name", "e-mail", "ips", "emails", "device_ids", "billingAddresses", "names"}) {
    INFO(name);
    CHECK(record::looks_personal(name));
  }
  for (const char* name : {"zipper", "ship", "event_name", "device_type", "tip", "user_id", "", "latency"}) {
    INFO(name);
    CHECK_FALSE(record::looks_personal(name));
  }
}

TEST_CASE("envelopes are known by what they hold") {
  const auto form = [](const bodies& samples) { return record::infer(samples, "t").value().plan.form; };
  const std::string sns = R"({"Type":"Notification","TopicArn":"t","Message":"{\"a\":1}"})";
  CHECK(form({sns, sns}) == record::body_form::sns);
  CHECK(columns_of({sns}) == "a bigint");
  CHECK(form({sns, "{}"}) == record::body_form::raw);
  CHECK(columns_of({R"({"detail-type":"x","detail":{"b":1}})"}) == "b bigint");
  CHECK(columns_of({R"({"Records":[{"s3":{"object":{"key":"a"}}}]})"}) == "s3_object_key text");
  CHECK(form({R"({"Records":[]})"}) == record::body_form::raw);
}

TEST_CASE("what is no record is left out, and the first is named by its line") {
  const auto proposed = record::infer(bodies{" ", R"({"a":1})", "", "nul", R"({"a":2})", "[]"}, "t").value();
  CHECK(proposed.records == 2);
  CHECK(proposed.plan.columns.size() == 1);
  CHECK(proposed.notes ==
        std::vector<std::string>{"2 of the samples are no records, and were left out; line 4: not_json"});
  const std::string object = R"({"Records":[{"s3":{"a":1}}]})";
  const std::string number = R"({"Records":[{"s3":{"a":1,"b":2}},5]})";
  CHECK(columns_of({object, number}) == "s3_a bigint");
}

TEST_CASE("where no record has a field there is no plan") {
  CHECK(record::infer(bodies{"", "[]"}, "t").error().what == "line 2: not_an_object");
  CHECK(record::infer(bodies{R"({"TopicArn":"t","Message":"now what"})"}, "t").error().what ==
        "line 1: not_json");
  CHECK_FALSE(record::infer(bodies{"{}", "{}"}, "t").has_value());
  CHECK_FALSE(record::infer(bodies{}, "t").has_value());
}

TEST_CASE("names that are one for SQL get numbers, and stay short enough") {
  CHECK(columns_of({R"({"a b":1,"a-b":2,"a.b":3})"}) == "a_b bigint, a_b_2 bigint, a_b_3 bigint");
  std::string body = "{";
  for (int n = 0; n < 12; ++n)
    body += (n > 0 ? ",\"" : "\"") + std::string(70, 'x') + std::to_string(n) + "\":1";
  const auto proposed = record::infer(bodies{body + "}"}, "t").value();
  CHECK(proposed.plan.columns.back().name == std::string(60, 'x') + "_12");
  CHECK(tests::compiled(record::to_toml(proposed.plan)).has_value());
}

TEST_CASE("what is proposed compiles, and takes the samples") {
  const bodies samples{
      R"({"a":"x","n":{"ip":"::1","s":1.50},"t":"2026-01-02T03:04:05","l":[true],"q\"\\\u0001/~":1,"z":null})",
      R"({"a":"y","n":{"ip":"::1"},"t":"2026-01-02T03:04:05","l":[],"q\"\\\u0001/~":2,"z":null})"};
  const auto proposed = record::infer(samples, "t").value();
  auto again = tests::compiled(record::to_toml(proposed.plan)).value();
  for (record::column& c : again.columns) c.line = 0;
  CHECK(again.columns == proposed.plan.columns);
  CHECK(again.form == proposed.plan.form);
  tests::body_reader reader(again);
  for (const std::string& body : samples) CHECK(reader.verdict(body) == "row");
}
