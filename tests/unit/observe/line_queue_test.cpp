#include "observe/line_queue.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sluice::observe;

TEST_CASE("lines are taken in the order in which they came, and once") {
  line_queue q(100);
  CHECK(q.empty());
  CHECK(q.push("one\n"));
  CHECK(q.push("two\n"));
  CHECK_FALSE(q.empty());
  std::string out = "what was written before\n";
  CHECK(q.take(out) == 0);
  CHECK(out == "one\ntwo\n");
  CHECK(q.empty());
  CHECK(q.take(out) == 0);
  CHECK(out.empty());
}

TEST_CASE("what is over the bound is dropped and counted, and nothing behind it is kept") {
  line_queue q(8);
  CHECK(q.push("12345\n"));
  CHECK_FALSE(q.push("678\n"));
  CHECK_FALSE(q.push("9\n"));  // it would fit, but the gap would be before it
  std::string out;
  CHECK(q.take(out) == 2);
  CHECK(out == "12345\n");
}

TEST_CASE("there is room again when all was taken") {
  line_queue q(4);
  std::string out;
  CHECK(q.push("123\n"));
  CHECK_FALSE(q.push("456\n"));
  CHECK(q.take(out) == 1);
  CHECK(q.push("789\n"));
  CHECK(q.take(out) == 0);
  CHECK(out == "789\n");
}

TEST_CASE("a line that is longer than the bound is dropped, those after it are not for ever") {
  line_queue q(4);
  CHECK_FALSE(q.push("12345\n"));
  CHECK_FALSE(q.empty());  // a line has to tell of the gap
  std::string out;
  CHECK(q.take(out) == 1);
  CHECK(out.empty());
  CHECK(q.push("1\n"));
}

TEST_CASE("a write gets whole lines, as many as fit, or one that is longer") {
  CHECK(whole_lines("12\n45\n", 10) == 6);
  CHECK(whole_lines("12\n45\n", 6) == 6);
  CHECK(whole_lines("12\n45\n", 5) == 3);
  CHECK(whole_lines("12\n45\n", 3) == 3);
  CHECK(whole_lines("12345\n7\n", 3) == 6);
  CHECK(whole_lines("12345", 3) == 5);
  CHECK(whole_lines("", 3) == 0);
}
