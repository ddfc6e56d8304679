#include "observe/log.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice::observe;

TEST_CASE("an event in text is its name and fields, quoted where they must be") {
  CHECK(format_event(log_format::text, "batch_committed",
                     {{"rows", 12}, {"took_ms", 1.5}, {"claimed", true}}) ==
        "batch_committed rows=12 took_ms=1.5 claimed=true");
  CHECK(format_event(log_format::text, "x", {{"why", "two words"}, {"plain", "one"}, {"empty", ""}}) ==
        R"(x why="two words" plain=one empty="")");
}

TEST_CASE("a value that could move a terminal's cursor is quoted and escaped") {
  CHECK(
      format_event(log_format::text, "x", {{"why", "a\x1b]0;t\x07"}, {"c1", "\xC2\x9B"}, {"bad", "\xff"}}) ==
      "x why=\"a\\u001b]0;t\\u0007\" c1=\"\\u009b\" bad=\"\xEF\xBF\xBD\"");
  CHECK(format_event(log_format::text, "x", {{"plain", "\xC3\xA9"}}) == "x plain=\xC3\xA9");
}

TEST_CASE("an event in JSON has a member for each field, escaped") {
  CHECK(format_event(log_format::json, "x", {{"n", -3}, {"why", "a \"b\" \\ \n \x01"}, {"ok", false}}) ==
        R"("event":"x","n":-3,"why":"a \"b\" \\ \n \u0001","ok":false)");
}
