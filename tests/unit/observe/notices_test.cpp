#include "observe/notices.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "observe/log.hpp"

using namespace sluice::observe;
using namespace std::chrono_literals;

namespace {
constexpr std::chrono::system_clock::time_point start{1'000s};
}

TEST_CASE("a notice that comes again is counted, and is the newest again") {
  notices kept;
  kept.add(level::warning, "a", "why", "fix", start);
  kept.add(level::warning, "b", "why", "fix", start + 1s);
  kept.add(level::error, "a", "why", "another fix", start + 2s);
  const auto all = kept.read();
  REQUIRE(all.size() == 2);
  CHECK(all[0].event == "a");
  CHECK(all[0].count == 2);
  CHECK(all[0].at == level::error);
  CHECK(all[0].fix == "another fix");
  CHECK(all[0].last == start + 2s);
  CHECK(all[1].event == "b");
  CHECK(all[1].count == 1);
}

TEST_CASE("one event for two reasons is two notices") {
  notices kept;
  kept.add(level::warning, "a", "one", "", start);
  kept.add(level::warning, "a", "two", "", start);
  CHECK(kept.read().size() == 2);
}

TEST_CASE("only the last twenty notices are kept, and of a long text its start") {
  notices kept;
  for (int i = 0; i < 50; ++i)
    kept.add(level::warning, "e" + std::to_string(i), std::string(9'999, 'x'), "", start);
  const auto all = kept.read();
  REQUIRE(all.size() == notices::most);
  CHECK(all.front().event == "e49");
  CHECK(all.back().event == "e30");
  CHECK(all.front().why.size() == notices::text_bytes_max);
}

TEST_CASE("the log keeps warnings and errors with why and fix, and no other field") {
  logger log(log_format::text, level::off);
  log.info("started", {{"why", "no notice"}});
  log.warning("load_failed", {{"why", "the link broke"}, {"fix", "mend it"}, {"ip", "199.172.111.135"}});
  log.error("database_away");
  const auto all = log.last_notices();
  REQUIRE(all.size() == 2);
  CHECK(all[1].why == "the link broke");
  CHECK(all[1].fix == "mend it");
  CHECK_FALSE(all[0].why.empty());  // from the list of events
  CHECK_FALSE(all[0].fix.empty());
  for (const notice& n : all) CHECK((n.why + n.fix + n.event).find("199.") == std::string::npos);
}

TEST_CASE("the log counts events that are held back or not shown") {
  logger log(log_format::text, level::off);
  for (int i = 0; i < 5; ++i) log.warning("receive_failed", {{"why", "x"}});
  log.info("started");
  CHECK(log.logged(level::warning) == 5);
  CHECK(log.logged(level::info) == 1);
  CHECK(log.logged(level::error) == 0);
  CHECK(log.last_notices().at(0).count == 5);
}
