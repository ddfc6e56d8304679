#include "observe/events.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>

using namespace sluice::observe;

TEST_CASE("each event is listed once, and says what it means") {
  std::set<std::string_view> names;
  for (const event& e : all_events()) {
    CAPTURE(e.name);
    CHECK(names.insert(e.name).second);
    CHECK_FALSE(e.meaning.empty());
  }
}

TEST_CASE("a warning or an error says what to do, and only these do for sure") {
  for (const event& e : all_events()) {
    CAPTURE(e.name);
    if (e.at >= level::warning) CHECK_FALSE(e.fix.empty());
    if (e.at == level::debug) CHECK(e.fix.empty());
  }
}

TEST_CASE("an event is found by its name") {
  REQUIRE(find_event("load_failed") != nullptr);
  CHECK(find_event("load_failed")->at == level::warning);
  CHECK(find_event("no_such_event") == nullptr);
}
