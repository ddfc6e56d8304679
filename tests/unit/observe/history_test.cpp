#include "observe/history.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "observe/state.hpp"

using namespace sluice::observe;
using namespace std::chrono_literals;
using Catch::Approx;

namespace {

constexpr history::steady_time begin_at{1'000s};

void commit(counters& c, int messages) {
  for (int i = 0; i < messages; ++i) c.send_to_commit.add(15ms);
}

}  // namespace

TEST_CASE("the first look makes no sample, and each later one does") {
  counters c;
  history h;
  h.record(begin_at, c);
  CHECK(h.samples().empty());
  CHECK(h.committed_rate() == 0);
  commit(c, 50);
  h.record(begin_at + 2s, c);
  REQUIRE(h.samples().size() == 1);
  CHECK(h.samples().back().messages_per_second == Approx(25));
  CHECK(h.samples().back().lag_p50 == Approx(0.015));
}

TEST_CASE("a second without commits has no lag") {
  counters c;
  history h;
  h.record(begin_at, c);
  h.record(begin_at + 1s, c);
  CHECK(h.samples().back().messages_per_second == 0);
  CHECK(std::isnan(h.samples().back().lag_p50));
}

TEST_CASE("rates are those of the last ten samples") {
  counters c;
  history h;
  for (int second = 0; second <= 30; ++second) {
    h.record(begin_at + second * 1s, c);
    c.received.add(second < 15 ? 1'000 : 100);
    commit(c, 7);
  }
  REQUIRE(counter_figures()[0].member == &counters::received);
  CHECK(h.rate(0) == Approx(100));
  CHECK(h.committed_rate() == Approx(7));
  CHECK(h.samples().back().messages_per_second == Approx(7));
}

TEST_CASE("five minutes are kept, and no more") {
  counters c;
  history h;
  for (int second = 0; second < 1'000; ++second) h.record(begin_at + second * 1s, c);
  CHECK(h.samples().size() == history::kept);
}

TEST_CASE("messages that are held while none is committed are a stall, and a trouble after a minute") {
  counters c;
  logger log(log_format::text, level::off);
  const state s{.figures = c, .log = log, .what = {}};
  history h;
  h.record(begin_at, c);
  h.record(begin_at + 100s, c);
  CHECK(h.stalled(begin_at + 100s) == 0s);  // nothing is held
  c.held.add(5);
  h.record(begin_at + 130s, c);
  CHECK(h.stalled(begin_at + 130s) == 30s);
  CHECK(troubles(s, h, begin_at + 130s).empty());
  CHECK(troubles(s, h, begin_at + 160s).size() == 1);
  commit(c, 1);
  h.record(begin_at + 161s, c);
  CHECK(troubles(s, h, begin_at + 161s).empty());
}

TEST_CASE("a database that is away is a trouble, and a queue only if no poller gets through") {
  counters c;
  logger log(log_format::text, level::off);
  const state s{.figures = c, .log = log, .what = {}, .more_troubles = [] {
                  return std::vector<trouble>{{"stopping", "nothing"}};
                }};
  history h;
  CHECK(troubles(s, h, begin_at) == std::vector<trouble>{{"stopping", "nothing"}});
  c.queues_away.add();
  c.receiving.add();
  CHECK(troubles(s, h, begin_at).size() == 1);
  c.receiving.sub();
  CHECK(troubles(s, h, begin_at).size() == 2);
  c.databases_away.add();
  CHECK(troubles(s, h, begin_at).size() == 3);
}
