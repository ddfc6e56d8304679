#include "pg/isolation.hpp"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "support/seed.hpp"

using sluice::pg::isolation;

namespace {

/// A table that refuses some messages, and what trying cost.
struct table {
  explicit table(std::vector<bool> b) : bad(std::move(b)), in(bad.size()), out(bad.size()) {}

  void load(bool names_the_culprit) {
    isolation parts(bad.size());
    while (!parts.done()) {
      const isolation::run r = parts.next();
      REQUIRE(r.size() > 0);
      ++tries;
      sent += r.size();
      const auto first = bad.begin() + static_cast<std::ptrdiff_t>(r.first);
      const auto last = bad.begin() + static_cast<std::ptrdiff_t>(r.last);
      const auto at = std::find(first, last, true);
      if (at == last) {
        for (std::size_t i = r.first; i < r.last; ++i) ++in[i];
        parts.accepted();
        continue;
      }
      std::optional<std::size_t> culprit;
      if (names_the_culprit) culprit = static_cast<std::size_t>(at - bad.begin());
      if (const auto found = parts.refused(culprit)) ++out[*found];
    }
  }
  void check() const {
    for (std::size_t i = 0; i < bad.size(); ++i) {
      INFO("message " << i);
      REQUIRE(in[i] == (bad[i] ? 0 : 1));
      REQUIRE(out[i] == (bad[i] ? 1 : 0));
    }
  }

  std::vector<bool> bad;
  std::vector<int> in, out;
  std::size_t tries = 0, sent = 0;
};

std::vector<bool> bad_at(std::size_t n, std::initializer_list<std::size_t> places) {
  std::vector<bool> bad(n);
  for (const std::size_t i : places) bad[i] = true;
  return bad;
}

}  // namespace

TEST_CASE("with nothing to isolate there is nothing to try") {
  CHECK(isolation(0).done());
}

TEST_CASE("a table that takes all is asked once") {
  table t(std::vector<bool>(10'000));
  t.load(true);
  t.check();
  CHECK(t.tries == 1);
}

TEST_CASE("one named culprit of 10,000 costs three tries") {
  for (const std::size_t at : {0U, 1U, 5'000U, 9'999U}) {
    table t(bad_at(10'000, {at}));
    t.load(true);
    t.check();
    CHECK(t.tries <= 3 + (at < 5'000 ? 10 : 0));  // behind an early culprit the runs grow again from 16
  }
}

TEST_CASE("one nameless culprit of 10,000 costs a halving") {
  table t(bad_at(10'000, {7'321}));
  t.load(false);
  t.check();
  CHECK(t.tries <= 2 * 14 + 1);
}

TEST_CASE("where every message is bad, each is tried about once when it is named") {
  table t(std::vector<bool>(5'000, true));
  t.load(true);
  t.check();
  CHECK(t.tries == 5'000);
  CHECK(t.sent <= 5'000U * 16U);
}

TEST_CASE("any set of bad messages is found, within the promised tries") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<std::size_t>(1 + random() % 2'000);
    const auto share = random() % 101;
    std::vector<bool> bad(n);
    for (std::size_t i = 0; i < n; ++i) bad[i] = random() % 100 < share;
    const auto k = static_cast<std::size_t>(std::ranges::count(bad, true));
    const auto halvings = static_cast<std::size_t>(std::bit_width(n));
    CAPTURE(n, k);

    table named(bad);
    named.load(true);
    named.check();
    CHECK(named.tries <= 1 + k * (2 + halvings));
    CHECK(named.tries <= 2 * n + 1);

    table nameless(bad);
    nameless.load(false);
    nameless.check();
    CHECK(nameless.tries <= 1 + 2 * k * halvings);
    CHECK(nameless.tries <= 2 * n);
  }
}

TEST_CASE("half of 10,000 bad, in any order, sends each message few times") {
  auto random = tests::seeded_random();
  std::vector<bool> bad(10'000);
  std::fill_n(bad.begin(), 5'000, true);
  std::shuffle(bad.begin(), bad.end(), random);
  table t(bad);
  t.load(true);
  t.check();
  INFO("tries " << t.tries << ", messages sent " << t.sent);
  CHECK(t.tries <= 10'000);
  CHECK(t.sent <= 100'000);
}
