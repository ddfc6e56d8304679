#include "record/raw_json.hpp"

#include <catch2/catch_test_macros.hpp>

using sluice::record::has_nul_escape;
using sluice::record::raw_member;

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
