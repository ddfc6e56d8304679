#include "pipeline/concurrency.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "support/seed.hpp"

using sluice::pipeline::concurrency;
using demand = concurrency::demand;
using namespace std::chrono_literals;
using duration = concurrency::duration;

namespace {

/// A server that answers after `way`, give or take, and works on one call at a time, for `work`.
struct server {
  duration way;
  duration work;
  double scatter = 0;  ///< of the way, as a share of it
};

/// Calls as many at a time as `c` says, each for more, from `from` to `until`; gives the answers in each
/// second.
class caller {
 public:
  explicit caller(std::uint64_t seed) : random_(seed) {}

  double run(concurrency& c, const server& s, duration how_long) {
    const duration until = now_ + how_long;
    std::size_t answers = 0;
    const duration began = now_;
    while (now_ < until) {
      while (calls_.size() < c.get()) call(s);
      const auto [answered, asked] = calls_.top();
      calls_.pop();
      now_ = answered;
      c.answered(demand::more, concurrency::time(asked), concurrency::time(now_));
      ++answers;
    }
    return static_cast<double>(answers) / std::chrono::duration<double>(now_ - began).count();
  }

 private:
  void call(const server& s) {
    std::exponential_distribution<double> scattered(1);
    const double extra = s.scatter * scattered(random_);
    const duration way = s.way + std::chrono::duration_cast<duration>(s.way * extra);
    free_at_ = std::max(now_, free_at_) + s.work;
    calls_.emplace(free_at_ + way, now_);
  }

  using in_flight = std::pair<duration, duration>;  // when it is answered, when it was asked
  std::mt19937_64 random_;
  std::priority_queue<in_flight, std::vector<in_flight>, std::greater<>> calls_;
  duration now_{};
  duration free_at_{};
};

/// `n` answers, each after 20 ms.
void answer(concurrency& c, int n, demand d) {
  for (int i = 0; i < n; ++i) c.answered(d, concurrency::time{}, concurrency::time{} + 20ms);
}

}  // namespace

TEST_CASE("answers that ask for more double the number in a round, up to the most") {
  concurrency c(1, 100);
  answer(c, 15, demand::more);
  CHECK(c.get() == 16);
  answer(c, 200, demand::more);
  CHECK(c.get() == 100);
}

TEST_CASE("a trickle, or nothing, takes one away with each answer, down to the least") {
  concurrency c(2, 64);
  answer(c, 99, demand::more);
  answer(c, 62, demand::less);
  CHECK(c.get() == 2);
  answer(c, 1, demand::less);
  CHECK(c.get() == 2);
}

TEST_CASE("throttling halves the number") {
  concurrency c(1, 64);
  answer(c, 99, demand::more);
  c.throttled();
  CHECK(c.get() == 32);
  for (int i = 0; i < 9; ++i) c.throttled();
  CHECK(c.get() == 1);
}

TEST_CASE("an answer whose time tells nothing asks for one more, and is not measured") {
  concurrency c(1, 64);
  answer(c, 8, demand::same);  // 20 ms each
  for (int i = 0; i < 15; ++i) c.answered(demand::more, std::nullopt, concurrency::time{} + 10s);
  CHECK(c.get() == 16);
  answer(c, 99, demand::more);
  CHECK(c.get() == 64);
}

TEST_CASE("where there is a lot to do it begins with a round, and never lowers the number") {
  concurrency c(0, 64);
  c.begin();
  CHECK(c.get() == 8);
  answer(c, 99, demand::more);
  c.begin();
  CHECK(c.get() == 64);
  concurrency few(1, 4);
  few.begin();
  CHECK(few.get() == 4);
}

TEST_CASE("a far server gets as many calls as it takes to keep it busy") {
  caller world(tests::seed());
  concurrency c(1, 512);
  const server far{.way = 20ms, .work = 60us};
  world.run(c, far, 400ms);
  const double best = 1e6 / 60;
  CHECK(world.run(c, far, 5s) > 0.95 * best);
  CHECK(c.get() >= 330);  // 20 ms / 60 us
}

TEST_CASE("a near server is kept busy with few calls") {
  caller world(tests::seed());
  concurrency c(1, 512);
  const server near{.way = 50us, .work = 60us};
  world.run(c, near, 200ms);
  const double best = 1e6 / 60;
  CHECK(world.run(c, near, 5s) > 0.95 * best);
  CHECK(c.get() <= 40);
}

TEST_CASE("a server whose times scatter widely gets its calls all the same") {
  caller world(tests::seed());
  concurrency c(1, 512);
  const server real{.way = 5ms, .work = 50us, .scatter = 1};
  world.run(c, real, 1s);
  CHECK(world.run(c, real, 10s) > 0.9 * 1e6 / 50);
}

TEST_CASE("when the server becomes slower for good, the number finds its place again") {
  caller world(tests::seed());
  concurrency c(1, 512);
  world.run(c, {.way = 2ms, .work = 60us}, 2s);
  const server slower{.way = 20ms, .work = 60us};
  world.run(c, slower, 10s);
  CHECK(world.run(c, slower, 5s) > 0.9 * 1e6 / 60);
}

TEST_CASE("when the work becomes slower, calls do not pile up") {
  caller world(tests::seed());
  concurrency c(1, 512);
  world.run(c, {.way = 5ms, .work = 50us}, 2s);
  world.run(c, {.way = 5ms, .work = 2ms}, 10s);
  CHECK(c.get() <= 32);
}
