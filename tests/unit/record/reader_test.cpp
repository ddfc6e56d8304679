#include "record/reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "copy/row_writer.hpp"
#include "fixture.hpp"
#include "support/padded.hpp"

using namespace sluice;
using record::envelope;
using tests::binary_value;
using tests::body_reader;
using tests::column_reader;
using tests::plan_of;
using tests::with_value;
using tests::written;

TEST_CASE("a body that is not one JSON object is refused, for a reason that is always the same") {
  body_reader reader = column_reader("text", "required = false");
  CHECK(reader.verdict("{}") == "row");
  for (const char* body : {"",
                           " ",
                           "{",
                           "{\"v\":}",
                           "{\"v\":\"x\",}",
                           "{\"v\":01}",
                           "{\"v\":tru}",
                           "{'v':1}",
                           "{\"a\":1}{\"a\":2}",
                           "{} x",
                           "\xEF\xBB\xBF{}",
                           "{\"x\":\"\\q\"}",
                           "{\"x\":[1,2}",
                           "{\"x\":\"\\ud800\"}",
                           "{\"x\":\"\\ude00\\ud83d\"}",
                           "{\"x\":\"\xff\"}",
                           "{\"x\":\"\xed\xa0\x80\"}",
                           "{\"x\":\"\xc0\x80\"}",
                           "{\"x\":\"a\nb\"}",
                           "{\"x\":1e999,\"y\":01}",
                           "NaN",
                           "nul"}) {
    INFO(body);
    CHECK(reader.verdict(body) == "not_json ");
  }
  for (const char* body : {"[]", "[{\"v\":\"x\"}]", "\"v\"", "1", "null", "true"}) {
    INFO(body);
    CHECK(reader.verdict(body) == "not_an_object ");
  }
}

TEST_CASE("nesting has a limit") {
  body_reader reader = column_reader("jsonb");
  const auto nested = [](std::size_t depth, const char* value) {  // the object itself is one level
    return with_value(std::string(depth - 1, '[') + value + std::string(depth - 1, ']'));
  };
  for (const char* value : {"1", "[]", "{}"}) {
    INFO(value);
    CHECK(reader.verdict(nested(record::reader::depth_max, value)) == "row");
    CHECK(reader.verdict(nested(record::reader::depth_max + 1, value)) == "too_deep ");
    CHECK(reader.verdict(nested(100'000, value)) == "too_deep ");
  }
  CHECK(reader.verdict(with_value("1")) == "row");
}

TEST_CASE("a field may be absent only if it is not required, and null only if it is nullable") {
  body_reader strict = column_reader("text");
  CHECK(strict.verdict("{\"w\":1}") == "missing_field v");
  CHECK(strict.verdict("{\"v\":null}") == "null_value v");
  body_reader nullable = column_reader("text", "nullable = true");
  CHECK(nullable.verdict("{}") == "missing_field v");
  CHECK(written(nullable, "null") == "null");
  body_reader optional = column_reader("text", "required = false");
  CHECK_FALSE(optional.read("{}").fields.at(0));
  CHECK(written(optional, "null") == "null");
}

TEST_CASE("a key that the plan wants must not come twice") {
  body_reader reader(plan_of(R"(
[[column]]
name = 'a'
type = 'text'
[[column]]
name = 'b'
type = 'text'
from = '/x/b'
)"));
  CHECK(reader.verdict(R"({"a":"1","a":"1","x":{"b":"2"}})") == "duplicate_field a");
  CHECK(reader.verdict(R"({"a":1,"x":{"b":"2"},"\u0061":"1"})") == "duplicate_field a");
  CHECK(reader.verdict(R"({"a":"1","x":{"b":"2","b":"2"}})") == "duplicate_field b");
  CHECK(reader.verdict(R"({"a":"1","x":{},"x":{"b":"2"}})") == "duplicate_field b");
  CHECK(reader.verdict(R"({"a":"1","x":{"b":"2"},"y":1,"y":2})") == "row");
}

TEST_CASE("text is written as it is, and has no U+0000") {
  body_reader reader = column_reader("text");
  CHECK(written(reader, R"("h\u00e9llo \ud83d\ude00 \"\n")") == "h\u00e9llo \U0001F600 \"\n");
  CHECK(written(reader, "\"\"").empty());
  CHECK(written(reader, R"("a\u0000b")") == "nul_character");
  for (const char* json : {"1", "1.5", "true", "[]", "{}"}) CHECK(written(reader, json) == "wrong_type");
}

TEST_CASE("varchar(n) holds n characters, however many bytes") {
  body_reader reader = column_reader("varchar(3)");
  CHECK(written(reader, "\"abc\"") == "abc");
  CHECK(written(reader, "\"\u20ac\u20ac\u20ac\"") == "\u20ac\u20ac\u20ac");
  CHECK(written(reader, "\"abcd\"") == "too_long");
  CHECK(written(reader, "\"\u00e9\u00e9\u00e9\u00e9\"") == "too_long");
  body_reader unbounded = column_reader("varchar");
  CHECK(written(unbounded, '"' + std::string(10'000, 'x') + '"').size() == 10'000);
}

TEST_CASE("text is trimmed and lowered before it is measured") {
  body_reader trim = column_reader("varchar(3)", "transform = 'trim'");
  CHECK(written(trim, R"("  abc \n")") == "abc");
  CHECK(written(trim, "\"   \"").empty());
  body_reader lower = column_reader("text", "transform = 'lower'");
  CHECK(written(lower, "\"ABC xyz \u00c9 [@`{\"") == "abc xyz \u00c9 [@`{");
}

TEST_CASE("jsonb keeps every digit and loses only the blanks") {
  body_reader reader = column_reader("jsonb", "nullable = true");
  const auto json = [&](const std::string& text) {
    const std::string bytes = written(reader, text);
    REQUIRE(bytes.front() == '\x01');
    return bytes.substr(1);
  };
  CHECK(json("0.1000000000000000055511151231257827") == "0.1000000000000000055511151231257827");
  CHECK(json("[ 1 , { \"a b\" : \" x \\\" \" , \"a b\" : null } ]") == R"([1,{"a b":" x \" ","a b":null}])");
  CHECK(json("\"text\"") == "\"text\"");
  CHECK(json("\n7") == "7");
  const std::string long_text = '"' + std::string(5'000, ' ') + '"';
  CHECK(json("[" + long_text + " , 1]") == "[" + long_text + ",1]");
  CHECK(written(reader, "null") == "null");
  CHECK(written(reader, R"([{"a":"\u0000"}])") == "nul_character");
  CHECK(written(reader, R"({"\u0000":1})") == "nul_character");
  CHECK(json(R"("\\u0000")") == R"("\\u0000")");
}

TEST_CASE("the whole body can be a column") {
  body_reader reader = column_reader("jsonb", "from = ''");
  const auto r = reader.read(" { \"a\" : 1 } ");
  CHECK(r.fields.at(0) == "\x01{\"a\":1}");
}

TEST_CASE("what is masked is a string, and its token must fit") {
  body_reader hmac = column_reader("varchar(46)", "mask = 'hmac_sha256'");
  CHECK(written(hmac, "\"x\"").starts_with("k1."));
  CHECK(written(hmac, "12") == "wrong_type");
  CHECK(written(hmac, R"("a\u0000b")") == "nul_character");
  body_reader siv = column_reader("varchar(27)", "mask = 'aes_siv'");
  CHECK(written(siv, "\"x\"").size() == 26);
  CHECK(written(siv, "\"123456\"") == "too_long");
  body_reader partial = column_reader("varchar(6)", "mask = { scheme = 'partial', keep_last = 2 }");
  CHECK(written(partial, "\"\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\"") == "****\u20ac\u20ac");
  body_reader lowered = column_reader("text", "transform = 'lower'\nmask = 'base64'");
  CHECK(written(lowered, "\"A@B.C\"") == base64("a@b.c"));
}

TEST_CASE("metadata comes from the message around the body") {
  body_reader reader(plan_of(R"(
[[column]]
name = 'a'
type = 'uuid'
from = '@message_id'
[[column]]
name = 'b'
type = 'varchar(36)'
from = '@message_id'
[[column]]
name = 'c'
type = 'timestamptz'
from = '@sent_timestamp'
[[column]]
name = 'd'
type = 'bigint'
from = '@sent_timestamp'
[[column]]
name = 'e'
type = 'date'
from = '@sent_date'
[[column]]
name = 'f'
type = 'date'
from = '@received_date'
[[column]]
name = 'g'
type = 'integer'
from = '@receive_count'
[[column]]
name = 'h'
type = 'bigint'
from = '@receive_count'
)"));
  const std::string id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
  const auto r = reader.read("{}", {.message_id = parse_uuid(id).value(),
                                    .sent_ms = 946'684'800'001,
                                    .received_ms = 946'771'200'000,
                                    .receive_count = 3});
  REQUIRE(r.fields.size() == 8);
  CHECK(r.fields[0] == unhex("a0eebc999c0b4ef8bb6d6bb9bd380a11"));
  CHECK(r.fields[1] == id);
  CHECK(binary_value<std::int64_t>(r.fields[2].value()) == 1'000);
  CHECK(binary_value<std::int64_t>(r.fields[3].value()) == 946'684'800'001);
  CHECK(binary_value<std::int32_t>(r.fields[4].value()) == 0);
  CHECK(binary_value<std::int32_t>(r.fields[5].value()) == 1);
  CHECK(binary_value<std::int32_t>(r.fields[6].value()) == 3);
  CHECK(binary_value<std::int64_t>(r.fields[7].value()) == 3);
  CHECK(reader.verdict("{}", {.sent_ms = std::numeric_limits<std::int64_t>::max()}) == "out_of_range c");
  CHECK(reader.verdict("{}", {.receive_count = 3'000'000'000U}) == "out_of_range g");
}

TEST_CASE("rows follow one another, and a refused body or a full arena leaves them as they were") {
  auto reader =
      record::reader::make(plan_of("[[column]]\nname='a'\ntype='text'\n[[column]]\nname='b'\ntype='text'\n"
                                   "mask='aes_siv'\n[[column]]\nname='c'\ntype='jsonb'\n"),
                           tests::test_keys())
          .value();
  const auto read = [&](std::string body, copy::arena& out) {
    const std::size_t size = body.size();
    body.append(simdjson::SIMDJSON_PADDING, ' ');
    return reader.read({body.data(), size}, {}, out).what;
  };
  const std::string good = R"({"a":"x","b":"some value","c":[1, 2]})";
  copy::arena roomy(4'096);
  REQUIRE(read(good, roomy) == record::outcome::kind::row);
  const std::string one_row(roomy.text(0, roomy.size()));
  CHECK(read(R"({"a":"x","b":"y","c":"\u0000"})", roomy) == record::outcome::kind::refused);
  CHECK(roomy.text(0, roomy.size()) == one_row);
  CHECK(read(good, roomy) == record::outcome::kind::row);
  CHECK(roomy.text(0, roomy.size()) == one_row + one_row);

  // Blanks of jsonb and the token's bound need room for a moment.
  const std::size_t enough = one_row.size() + 16;
  for (std::size_t room = 0; room <= enough; ++room) {
    INFO(room);
    copy::arena out(room);
    const auto what = read(good, out);
    if (room < one_row.size()) CHECK(what == record::outcome::kind::full);
    if (room == enough) CHECK(what == record::outcome::kind::row);
    CHECK(out.text(0, out.size()) == (what == record::outcome::kind::row ? one_row : ""));
    CHECK(read(R"({"a":1,"b":"y","c":{}})", out) == record::outcome::kind::refused);
  }
}

TEST_CASE("a reader is not made without the keys that its plan needs, nor with tokens that cannot fit") {
  const auto keyless = record::reader::make(record::login_events(), nullptr);
  REQUIRE_FALSE(keyless.has_value());
  CHECK(keyless.error().code == errc::missing_key);
  CHECK(keyless.error().what.starts_with("column masked_ip: "));

  // A key id of one character would just fit.
  const auto narrow = record::reader::make(
      plan_of("[[column]]\nname='v'\ntype='varchar(24)'\nmask='aes_siv'\n"), tests::test_keys());
  REQUIRE_FALSE(narrow.has_value());
  CHECK(narrow.error().what == "column v is varchar(24), its tokens have 25 characters or more");
}

TEST_CASE("a business key is made from the fields' values, and shows none of them") {
  record::plan p = tests::plan_of("[[column]]\nname = 'a'\ntype = 'text'\n");
  p.business_key = {"/id", "/part/n"};
  tests::body_reader reader(p);
  const auto key = [&](std::string_view body) { return reader.read(body).outcome.business_key; };
  const auto first = key(R"({"a":"x","id":"e1","part":{"n":1}})");
  REQUIRE(first.has_value());
  CHECK(key(R"({"part":{"n":1},"id":"e1","a":"y"})") == first);
  CHECK(key(R"({"a":"x","id":"e1","part":{"n":"1"}})") != first);
  CHECK(key(R"({"a":"x","id":"e1","part":{"n":2}})") != first);
  CHECK(hex(*first).find(hex(bytes_of("e1"))) == std::string::npos);

  // Without the ring nobody can make it: not by another key.
  const auto others = mask::key_ring::parse(mask::key_ring::generate("k1"), "others").value();
  auto by_others = record::reader::make(p, others).value();
  copy::arena out(1'000);
  CHECK(by_others.read(tests::padded(R"({"a":"x","id":"e1","part":{"n":1}})").view(), {}, out).business_key !=
        first);

  // Another table, or another field, is another key.
  const auto key_by = [](record::plan other) {
    tests::body_reader reads(other);
    return reads.read(R"({"a":"x","id":"e1","part":{"n":1},"no":"e1"})").outcome.business_key;
  };
  record::plan other = p;
  CHECK(key_by(other) == first);
  other.table = "another";
  CHECK(key_by(other) != first);
  other = p;
  other.schema = "elsewhere";
  CHECK(key_by(other) != first);
  other = p;
  other.business_key = {"/no", "/part/n"};
  CHECK(key_by(other) != first);

  const auto refused = [&](std::string_view body) {
    const auto r = reader.read(body).outcome;
    CHECK_FALSE(r.business_key.has_value());
    return std::pair(std::string(r.why), std::string(r.column));
  };
  CHECK(refused(R"({"a":"x","id":"e1"})") == std::pair<std::string, std::string>("missing_field", "/part/n"));
  CHECK(refused(R"({"a":"x","id":null,"part":{"n":1}})") ==
        std::pair<std::string, std::string>("null_value", "/id"));
  CHECK(refused(R"({"a":"x","id":1.5,"part":{"n":1}})") ==
        std::pair<std::string, std::string>("wrong_type", "/id"));
  // Whoever mends the message sends that event again.
  CHECK(refused(R"({"a":1,"id":"e1","part":{"n":1}})").first == "wrong_type");
  CHECK_FALSE(record::reader::make(p, nullptr).has_value());
}
