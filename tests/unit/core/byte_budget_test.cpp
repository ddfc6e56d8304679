#include "core/byte_budget.hpp"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "support/seed.hpp"

using sluice::byte_budget;
using claim = byte_budget::claim;

TEST_CASE("claims that fit have their bytes at once, and give them back when they end") {
  byte_budget b(100);
  {
    const claim one(b, 60), two(b, 40);
    CHECK(one.granted());
    CHECK(two.granted());
    CHECK(b.used() == 100);
    CHECK_FALSE(b.has_waiting());
  }
  CHECK(b.used() == 0);
}

TEST_CASE("one that does not fit waits until another ends, and is told then") {
  byte_budget b(100);
  std::optional<claim> one(std::in_place, b, 60);
  claim two(b, 41);
  CHECK_FALSE(two.granted());
  CHECK(b.used() == 60);
  int told = 0;
  two.when_granted([&] { ++told; });
  one.reset();
  CHECK(two.granted());
  CHECK(told == 1);
  CHECK(b.used() == 41);
}

TEST_CASE("a small one does not pass a large one that came before it") {
  byte_budget b(100);
  std::optional<claim> one(std::in_place, b, 50);
  const claim large(b, 80);
  const claim small(b, 10);
  CHECK_FALSE(large.granted());
  CHECK_FALSE(small.granted());
  one.reset();
  CHECK(large.granted());
  CHECK(small.granted());
}

TEST_CASE("one that is larger than all of it has it alone") {
  byte_budget b(100);
  std::optional<claim> one(std::in_place, b, 1);
  std::optional<claim> huge(std::in_place, b, 1'000);
  CHECK_FALSE(huge->granted());
  one.reset();
  CHECK(huge->granted());
  const claim next(b, 1);
  CHECK_FALSE(next.granted());
  huge.reset();
  CHECK(next.granted());
}

TEST_CASE("what turns out to be smaller keeps what it is, and the rest is for others") {
  byte_budget b(100);
  claim one(b, 1'000);
  const claim two(b, 70);
  CHECK_FALSE(two.granted());
  one.keep(31);
  CHECK_FALSE(two.granted());
  one.keep(30);
  CHECK(two.granted());
  one.keep(40);  // it never grows
  CHECK(b.used() == 100);
}

TEST_CASE("one that no longer waits is out of the way of those behind it") {
  byte_budget b(100);
  const claim one(b, 60);
  std::optional<claim> large(std::in_place, b, 80);
  const claim small(b, 40);
  CHECK_FALSE(small.granted());
  large.reset();
  CHECK(small.granted());
  CHECK(b.used() == 100);
  CHECK_FALSE(b.has_waiting());
}

TEST_CASE("whatever comes and goes, the bytes are never more than the budget, and all get theirs in turn") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 200; ++round) {
    byte_budget b(100);
    std::vector<std::unique_ptr<claim>> all;
    for (int i = 0; i < 100; ++i) {
      if (random() % 3 != 0 || all.empty()) {
        all.push_back(std::make_unique<claim>(b, random() % 130));
      } else {
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
      }
      CHECK(b.used() <= 100);
      // In the order in which they came: none that has its bytes stands behind one that waits.
      bool waits = false;
      for (const auto& each : all) {
        CHECK_FALSE((waits && each->granted()));
        waits = waits || !each->granted();
      }
    }
    while (!all.empty()) {
      CHECK(all.front()->granted());
      all.erase(all.begin());
    }
    CHECK(b.used() == 0);
  }
}
