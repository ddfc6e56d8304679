#include "pipeline/load_size.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <vector>

#include "support/seed.hpp"

using namespace sluice;
using sluice::pipeline::load_size;
using advice = load_size::advice;

TEST_CASE("a transaction takes all that there is, until one is too slow") {
  load_size size;
  CHECK(size.messages_max() >= 10'000);
  size.passed(10'000);
  CHECK(size.messages_max() >= 10'000);
  CHECK(size.too_slow(10'000) == advice::smaller);
  CHECK(size.messages_max() == 5'000);
  CHECK(size.too_slow(5'000) == advice::smaller);
  CHECK(size.messages_max() == 2'500);
}

TEST_CASE("a size that passes just so is kept, and a larger one is tried once in a while") {
  load_size size;
  size.too_slow(1'000);
  size.too_slow(500);
  int tries_of_500 = 0;
  for (int i = 0; i < 170; ++i) {
    if (size.messages_max() > 250) {
      ++tries_of_500;
      size.too_slow(size.messages_max());
    } else {
      size.passed(size.messages_max());
    }
  }
  CHECK(tries_of_500 == 10);
}

TEST_CASE("after an outage transactions grow from one") {
  load_size size;
  size.begin_small();
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 5; ++i) {
    sizes.push_back(size.messages_max());
    size.passed(size.messages_max());
  }
  CHECK(sizes == std::vector<std::size_t>{1, 2, 4, 8, 16});
}

TEST_CASE("a transaction that had fewer messages than it might shows nothing") {
  load_size size;
  size.begin_small();
  size.passed(1);
  size.passed(1);
  CHECK(size.messages_max() == 2);
}

TEST_CASE("messages that are too slow alone are held back, unless they are many in a row") {
  load_size size;
  for (int i = 0; i < load_size::alone_max; ++i) CHECK(size.too_slow(1) == advice::hold_back);
  CHECK(size.too_slow(1) == advice::give_up);
  size.passed(1);
  CHECK(size.too_slow(1) == advice::hold_back);
}

TEST_CASE("whichever messages are slow, all others are loaded, in few transactions") {
  auto random = tests::seeded_random();
  for (int round = 0; round < 300; ++round) {
    const std::size_t n = 1 + random() % 2'000;
    const std::size_t slow_count = random() % 4;
    std::set<std::size_t> slow;
    for (std::size_t i = 0; i < slow_count; ++i) slow.insert(random() % n);
    load_size size;
    std::set<std::size_t> held;
    std::size_t first = 0, tries = 0;
    while (first < n) {
      const std::size_t count = std::min(size.messages_max(), n - first);
      REQUIRE(count > 0);
      REQUIRE(++tries < 10'000);
      const auto in = slow.lower_bound(first);
      if (in == slow.end() || *in >= first + count) {
        size.passed(count);
        first += count;
        continue;
      }
      const advice a = size.too_slow(count);
      REQUIRE(a != advice::give_up);
      if (a == advice::hold_back) held.insert(first++);
    }
    CAPTURE(round, n, slow.size(), tries);
    CHECK(held == slow);
    CHECK(tries <= 2 + 60 * (slow.size() + 1));
  }
}

namespace {

copy::segment segment_of(int messages) {
  copy::segment s({.rows_max = 100, .row_bytes = 1'000, .body_bytes = 1'000, .handle_bytes = 1'000});
  for (int i = 0; i < messages; ++i)
    REQUIRE(s.add({.body = "{}", .receipt_handle = "h"}, s.rows().size(), 1));
  return s;
}

}  // namespace

TEST_CASE("a message that is too slow alone is held back when others of its batch are loaded") {
  load_size size;
  auto s = segment_of(3);
  CHECK(size.split(s, 3, false));
  REQUIRE(size.messages_max() == 1);
  s.commit(1);
  size.passed(1);
  CHECK(size.split(s, 1, false));
  CHECK(s.is_held_back(1));
  CHECK(s.first_open() == 2);
  CHECK_FALSE(s.is_held_back(2));
}

TEST_CASE("where nothing of a batch is loaded it may be the database, and nothing is held back") {
  load_size size;
  auto s = segment_of(1);
  CHECK_FALSE(size.split(s, 1, false));
  CHECK(s.first_open() == 0);
  CHECK(s.held_back() == 0);
}

TEST_CASE("what was held back in a row before it is the table's trouble is open again") {
  load_size size;
  auto s = segment_of(10);
  s.commit(2);
  for (int i = 0; i < load_size::alone_max; ++i) CHECK(size.split(s, 1, false));
  CHECK(s.held_back() == 3);
  CHECK_FALSE(size.split(s, 1, false));
  CHECK(s.first_open() == 2);
  CHECK(s.held_back() == 0);
}

TEST_CASE("in order nothing is held back") {
  load_size size;
  auto s = segment_of(2);
  s.commit(1);
  CHECK_FALSE(size.split(s, 1, true));
  CHECK(s.first_open() == 1);
}
