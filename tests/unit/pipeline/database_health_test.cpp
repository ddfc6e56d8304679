#include "pipeline/database_health.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <ostream>

using namespace sluice;
using namespace std::chrono_literals;
using health = pipeline::database_health;
using state = health::state;
using next = health::next;

namespace sluice::pipeline {
static std::ostream& operator<<(std::ostream& out, database_health::state s) {
  return out << (s == state::trusted ? "trusted" : s == state::away ? "away" : "trial");
}
static std::ostream& operator<<(std::ostream& out, database_health::next n) {
  return out << (n == next::keep ? "keep" : n == next::give_back ? "give_back" : "give_back_and_probe");
}
}  // namespace sluice::pipeline

namespace {

/// The database as seen by a process that holds `held` messages.
struct health_fixture {
  observe::gauge held, failing;
  health of{held, failing};
  health::time now{};

  void fail() { of.failed(of.proofs(), now); }
  /// Away for longer than messages are held, and it answers now.
  void come_back() {
    held.set(3);
    const health::trouble one(of);
    fail();
    REQUIRE(of.gave_up(false) == next::give_back_and_probe);
    held.set(0);
    of.answered();
    REQUIRE(of.now() == state::trial);
  }
  std::size_t permitted(std::size_t most = 10) {
    health::permit p;
    p.take(of, most);
    return p.messages();
  }
};

}  // namespace

TEST_CASE("a database of which nothing bad is known is trusted") {
  health_fixture f;
  CHECK(f.of.trusted());
  CHECK(f.permitted() == 10);
}

TEST_CASE("from the first load that fails until rows are taken nothing is received") {
  health_fixture f;
  {
    const health::trouble one(f.of);
    f.fail();
    CHECK(f.of.now() == state::away);
    CHECK(f.failing.get() == 1);
    CHECK(f.permitted() == 0);
    f.of.loaded(1);
  }
  CHECK(f.of.trusted());
  CHECK(f.failing.get() == 0);
}

TEST_CASE("a batch that fails while others bring rows has a trouble of its own") {
  health_fixture f;
  const health::trouble one(f.of);
  const auto before = f.of.proofs();
  f.of.loaded(5);
  f.of.failed(before, f.now);
  CHECK(f.of.trusted());
  CHECK(f.of.gave_up(false) == next::give_back);
}

TEST_CASE("where all that was held turned out to be known, one message tries whether rows are taken") {
  health_fixture f;
  {
    const health::trouble one(f.of);
    f.fail();
    f.of.loaded(0);
    CHECK(f.of.now() == state::away);
  }
  CHECK(f.of.now() == state::trial);
  CHECK(f.permitted() == 1);
}

TEST_CASE("a stop in an outage leaves nothing away that nobody tries") {
  health_fixture f;
  {
    const health::trouble one(f.of);
    const health::trouble two(f.of);
    f.fail();
  }
  CHECK(f.of.now() == state::trial);
}

TEST_CASE("a database that is back is tried with one message, whichever loop asks") {
  health_fixture f;
  f.come_back();
  health::permit first, second;
  first.take(f.of, 10);
  CHECK(first.messages() == 1);
  second.take(f.of, 10);
  CHECK(second.messages() == 0);
  f.held.add();
  first.release();
  second.take(f.of, 10);
  CHECK(second.messages() == 0);  // it is held now
  f.held.sub();
  second.take(f.of, 10);
  CHECK(second.messages() == 1);
}

TEST_CASE("with each load that brings rows there may be twice as many, until it is trusted") {
  health_fixture f;
  f.come_back();
  for (std::size_t n = 1; n <= health::trial_max; n *= 2) {
    CHECK(f.of.now() == state::trial);
    CHECK(f.permitted(10'000) == n);
    f.of.loaded(1);
  }
  CHECK(f.of.trusted());
}

TEST_CASE("loads without a row let in ten, and show nothing") {
  health_fixture f;
  f.come_back();
  for (int i = 0; i < 100; ++i) f.of.loaded(0);
  CHECK(f.of.now() == state::trial);
  CHECK(f.permitted() == health::rowless_max);
}

TEST_CASE("what is on trial is kept, and one more comes: the trouble may be its own") {
  health_fixture f;
  f.come_back();
  f.held.add();
  const health::trouble one(f.of);
  f.fail();
  CHECK(f.of.now() == state::trial);
  CHECK(f.permitted() == 0);
  CHECK(f.of.gave_up(true) == next::keep);
  CHECK(f.permitted() == 1);
  f.held.add();
  f.of.loaded(1);  // the other one
  CHECK(f.permitted() == 2);
}

TEST_CASE("what was held before goes back even while there is a trial") {
  health_fixture f;
  f.come_back();
  CHECK(f.of.gave_up(false) == next::give_back_and_probe);
}

TEST_CASE("one that goes away anew on trial is away, and what is on trial is kept still") {
  health_fixture f;
  f.come_back();
  f.of.loaded(1);
  const health::trouble one(f.of);
  f.fail();
  CHECK(f.of.now() == state::away);
  CHECK(f.permitted() == 0);
  CHECK(f.of.gave_up(true) == next::keep);
  CHECK(f.of.now() == state::away);
}

TEST_CASE("where messages went back once, a row alone does not end the trial, though it went away anew") {
  health_fixture f;
  f.come_back();
  f.of.loaded(1);
  const health::trouble one(f.of);
  f.fail();
  REQUIRE(f.of.now() == state::away);
  f.of.loaded(1);
  CHECK(f.of.now() == state::trial);
}

TEST_CASE("it says for how long every load has failed") {
  health_fixture f;
  CHECK(f.of.failing_for(f.now + 1h) == 0s);
  f.fail();
  f.of.failed(f.of.proofs(), f.now + 10s);
  CHECK(f.of.failing_for(f.now + 30s) == 30s);
  f.of.loaded(0);
  CHECK(f.of.failing_for(f.now + 1h) == 0s);
}
