#include "observe/json.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

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
