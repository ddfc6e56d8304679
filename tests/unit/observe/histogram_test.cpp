#include "observe/histogram.hpp"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

using namespace sluice::observe;
using namespace std::chrono_literals;
using Catch::Approx;

TEST_CASE("a duration falls into the first bucket whose bound it does not pass") {
  histogram h;
  h.add(1ms);
  h.add(1001us);
  h.add(-5s);
  h.add(2h);
  const auto s = h.read();
  CHECK(s.buckets.front() == 2);  // 1 ms, and the clock that ran behind
  CHECK(s.buckets[1] == 1);
  CHECK(s.buckets.back() == 1);
  CHECK(s.count() == 4);
  CHECK(s.sum_us == 1'000 + 1'001 + 7'200'000'000);
}

TEST_CASE("the bounds grow") {
  CHECK(std::ranges::is_sorted(histogram::bounds));
}

TEST_CASE("a quantile is found by its bucket, and between its bounds by share") {
  histogram h;
  for (int i = 0; i < 90; ++i) h.add(15ms);   // (10, 20]
  for (int i = 0; i < 10; ++i) h.add(150ms);  // (100, 200]
  const auto s = h.read();
  CHECK(s.quantile(0.45) == Approx(0.015));
  CHECK(s.quantile(0.9) == Approx(0.020));
  CHECK(s.quantile(0.95) == Approx(0.150));
  CHECK(s.quantile(1) == Approx(0.200));
}

TEST_CASE("what is over the last bound counts as the last bound") {
  histogram h;
  h.add(24h);
  CHECK(h.read().quantile(0.5) == Approx(3600));
}

TEST_CASE("an empty histogram has no quantile") {
  CHECK(histogram().read().quantile(0.99) == 0);
}

TEST_CASE("what was gained between two moments leaves out what was there before") {
  histogram h;
  h.add(3ms);
  const auto before = h.read();
  h.add(30ms);
  h.add(30ms);
  const auto gained = h.read().since(before);
  CHECK(gained.count() == 2);
  CHECK(gained.sum_us == 60'000);
  CHECK(gained.buckets[2] == 0);
}

TEST_CASE("threads that add at once lose nothing") {
  histogram h;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&h] {
      for (int i = 0; i < 20'000; ++i) h.add(std::chrono::microseconds(i));
    });
  }
  threads.clear();
  CHECK(h.read().count() == 80'000);
  CHECK(h.read().sum_us == 4ULL * 19'999 * 20'000 / 2);
}
