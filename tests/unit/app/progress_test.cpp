#include "app/progress.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace sluice::app;

TEST_CASE("numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(1'234'567) == "1,234,567");
}

TEST_CASE("the line has a bar, the share, the rate, the time left and a note") {
  CHECK(progress::line("draining", 50, 100, 10, "3 set aside", 200) ==
        "draining [##########..........]  50%  50 of 100  10/s  5.0 s left  3 set aside");
}

TEST_CASE("the line of an unknown total has no bar, and a done one no time left") {
  CHECK(progress::line("sending", 1'500, 0, 10, "", 200) == "sending  1,500  10/s");
  CHECK(progress::line("sending", 100, 100, 10, "", 200) ==
        "sending [####################] 100%  100 of 100  10/s");
}

TEST_CASE("on a narrow terminal the bar gives its room to the words") {
  const std::string words = "  50%  50 of 100  10/s  5.0 s left";
  CHECK(progress::line("draining", 50, 100, 10, "", 56) == "draining [#####......]" + words);
  CHECK(progress::line("draining", 50, 100, 10, "", 44) == "draining" + words);
}

TEST_CASE("the line never passes the terminal's width") {
  CHECK(progress::line("draining", 50, 100, 10, std::string(300, 'x'), 79).size() == 79);
}
