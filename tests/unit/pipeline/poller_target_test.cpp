#include "pipeline/poller_target.hpp"

#include <catch2/catch_test_macros.hpp>

using sluice::pipeline::poller_target;

TEST_CASE("full replies add a poller each, up to the most") {
  poller_target t(1, 3);
  for (int i = 0; i < 9; ++i) t.replied(10);
  CHECK(t.get() == 3);
}

TEST_CASE("empty replies retire one each, down to the least") {
  poller_target t(2, 8);
  for (int i = 0; i < 9; ++i) t.replied(10);
  t.replied(0);
  CHECK(t.get() == 7);
  for (int i = 0; i < 9; ++i) t.replied(0);
  CHECK(t.get() == 2);
}

TEST_CASE("a reply that is neither full nor empty changes nothing") {
  poller_target t(1, 8);
  t.replied(10);
  t.replied(5);
  CHECK(t.get() == 2);
}

TEST_CASE("throttling halves them") {
  poller_target t(1, 64);
  for (int i = 0; i < 99; ++i) t.replied(10);
  t.throttled();
  CHECK(t.get() == 32);
  for (int i = 0; i < 9; ++i) t.throttled();
  CHECK(t.get() == 1);
}
