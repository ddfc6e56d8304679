#include "observe/json.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <random>
#include <string>

#include "core/encoding.hpp"
#include "support/seed.hpp"

using namespace sluice::observe;

TEST_CASE("a document is written with commas where they belong") {
  json_writer to;
  to.begin_object().member("a", 1).key("b").begin_array().value(true).value("x").begin_object().end_object();
  to.end_array().member("c", 0.25).key("d").begin_array().end_array().end_object();
  CHECK(to.text() == R"({"a":1,"b":[true,"x",{}],"c":0.25,"d":[]})");
}

TEST_CASE("names and texts are escaped") {
  json_writer to;
  to.begin_object().member("a\"", "b\\\n\x02").end_object();
  CHECK(to.text() == R"({"a\"":"b\\\n\u0002"})");
}

TEST_CASE("a number that JSON does not have is null") {
  json_writer to;
  to.begin_array().value(std::numeric_limits<double>::quiet_NaN());
  to.value(std::numeric_limits<double>::infinity())
      .value(std::numeric_limits<std::uint64_t>::max())
      .end_array();
  CHECK(to.text() == "[null,null,18446744073709551615]");
}

namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

TEST_CASE("what is not UTF-8 is replaced, and no character commands a terminal") {
  CHECK(as_json("\xff") == "\"\xEF\xBF\xBD\"");
  CHECK(as_json("a\xC3") == "\"a\xEF\xBF\xBD\"");
  CHECK(as_json("\xED\xA0\x80").size() == 2 + 3 * 3);  // half of a surrogate pair
  CHECK(as_json("\x7F\xC2\x9B") == R"("\u007f\u009b")");
  CHECK(as_json("\xC3\xA9\xF0\x9F\x98\x80") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

TEST_CASE("of any bytes a text of JSON is made") {
  std::mt19937_64 random = tests::seeded_random();
  for (int n = 0; n < 10'000; ++n) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string made = as_json(bytes);
    CAPTURE(sluice::hex(sluice::bytes_of(bytes)));
    REQUIRE(made.size() >= 2);
    std::string_view rest = std::string_view(made).substr(1, made.size() - 2);
    while (!rest.empty()) {
      const sluice::utf8_character next = sluice::first_character(rest);
      REQUIRE(next.is_valid);
      REQUIRE(next.code >= 0x20);
      REQUIRE((next.code < 0x7F || next.code >= 0xA0));
      REQUIRE(next.code != '"');
      rest.remove_prefix(next.bytes);
      if (next.code != '\\') continue;
      REQUIRE(!rest.empty());
      REQUIRE(std::string_view("\"\\nu").find(rest.front()) != std::string_view::npos);
      rest.remove_prefix(1);
    }
  }
}
