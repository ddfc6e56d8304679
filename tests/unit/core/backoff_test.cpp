#include "core/backoff.hpp"

#include <catch2/catch_test_macros.hpp>

using sluice::backoff;
using namespace std::chrono_literals;

namespace {

const auto start = std::chrono::steady_clock::time_point{} + 1h;

}  // namespace

TEST_CASE("each wait lies between nothing and a bound that doubles up to the longest") {
  for (std::uint64_t seed = 1; seed < 200; ++seed) {
    backoff b({.first = 50ms, .longest = 300ms, .tries_max = 0}, seed);
    for (const auto bound : {50ms, 100ms, 200ms, 300ms, 300ms}) {
      const auto wait = b.next(start);
      REQUIRE(wait);
      CHECK(*wait >= 0ms);
      CHECK(*wait <= bound);
    }
  }
}

TEST_CASE("jitter spreads the waits of many") {
  backoff::duration least = 1h;
  backoff::duration most = 0ms;
  for (std::uint64_t seed = 1; seed < 200; ++seed) {
    backoff b({.first = 1'000ms, .tries_max = 0}, seed);
    const auto wait = *b.next(start);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least < 100ms);
  CHECK(most > 900ms);
}

TEST_CASE("tries are counted, the first one too") {
  backoff b({.tries_max = 3}, 1);
  CHECK(b.next(start));
  CHECK(b.next(start));
  CHECK_FALSE(b.next(start));
  b.reset();
  CHECK(b.next(start));
}

TEST_CASE("the budget of time starts with the first failure") {
  backoff b({.tries_max = 0, .total_max = 1s}, 1);
  CHECK(b.next(start));
  CHECK(b.next(start + 999ms));
  CHECK_FALSE(b.next(start + 1s));
  b.reset();
  CHECK(b.next(start + 10s));
}
