#include "record/raw_json.hpp"

#include <catch2/catch_test_macros.hpp>

using sluice::record::has_nul_escape;
using sluice::record::raw_walk;
using sluice::record::tame_numbers;

namespace {

std::string_view raw_member(std::string_view container, int ordinal) {
  raw_walk walk(container);
  while (ordinal-- > 0) walk.next();
  return walk.next().value;
}

std::string tamed(std::string_view json) {
  std::string out = "as it was";
  tame_numbers(json, out);
  return out;
}

}  // namespace

TEST_CASE("a member's text is found by its place") {
  constexpr std::string_view object =
      R"( { "a" : 1.50 , "b":"x\"},{" ,"c": [ {"d":[]} , "]" ],"e":{},"f":true,"g":-1e5})";
  CHECK(raw_member(object, 0) == "1.50");
  CHECK(raw_member(object, 1) == R"("x\"},{")");
  CHECK(raw_member(object, 2) == R"([ {"d":[]} , "]" ])");
  CHECK(raw_member(object, 3) == "{}");
  CHECK(raw_member(object, 4) == "true");
  CHECK(raw_member(object, 5) == "-1e5");
  CHECK(raw_member("{\"\\\\\":\"\\\\\"}", 0) == R"("\\")");
}

TEST_CASE("an element's text is found by its index") {
  constexpr std::string_view array = R"([0,"a" , [1,[2]],{"b":3}
])";
  CHECK(raw_member(array, 0) == "0");
  CHECK(raw_member(array, 1) == R"("a")");
  CHECK(raw_member(array, 2) == "[1,[2]]");
  CHECK(raw_member(array, 3) == R"({"b":3})");
}

TEST_CASE("a member's key is given as it is written, with its quotes") {
  raw_walk walk(R"( {"a\u0062" : 1 , "":2})");
  CHECK(walk.next().key == R"("a\u0062")");
  CHECK(walk.next().key == R"("")");
  CHECK(raw_walk("[1]").next().key.empty());
}

TEST_CASE("numbers that simdjson refuses are replaced in place, and no others") {
  CHECK(tamed("[18446744073709551616,1]") == "[18446744073709551615,1]");
  CHECK(tamed("[123456789012345678901234567890 ]") == "[18446744073709551615           ]");
  CHECK(tamed("-9223372036854775809") == "18446744073709551615");
  CHECK(tamed(R"({"a\"1e999":-1e999,"b":[9e308,7]})") == R"({"a\"1e999":0.0   ,"b":[0.0  ,7]})");
  for (const char* json : {"18446744073709551615", "-9223372036854775808", "1.5e308", "\"1e999\"", "01e999",
                           "--1", "1e", "", "\"", "\"\\", "[00000000000000000000000]"}) {
    INFO(json);
    CHECK(tamed(json) == "as it was");
  }
}

TEST_CASE("an escaped NUL is found, a backslash before the letter u is not one") {
  CHECK(has_nul_escape(R"("\u0000")"));
  CHECK(has_nul_escape(R"("\\\u0000")"));
  CHECK(has_nul_escape(R"("\\u0000\u0000")"));
  CHECK(has_nul_escape(R"({"\u0000":1})"));
  CHECK_FALSE(has_nul_escape(R"("\\u0000")"));
  CHECK_FALSE(has_nul_escape(R"("\\\\u0000")"));
  CHECK_FALSE(has_nul_escape(R"("\u0001 u0000")"));
  CHECK_FALSE(has_nul_escape(""));
}
