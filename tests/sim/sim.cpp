// The pipeline under fakes, a clock that jumps, and a seed: sim --seeds N [--from SEED], or sim --seed SEED
// to run one again. With --kind changed-table each run is of that kind.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "sim/scenario.hpp"

namespace {

std::atomic<std::uint64_t> running;  // the seed

/// An assertion of the code under test. Nothing is left to be done but to say where.
void tell_of_abort(int) {
  fmt::print("sim: seed {0} went wrong: aborted; again with: sim --seed {0}\n", running.load());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 100;
  std::uint64_t from = std::random_device()();
  bool changed_table = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seeds") {
      seeds = value;
    } else if (flag == "--from") {
      from = value;
    } else if (flag == "--seed") {
      from = value;
      seeds = 1;
    } else if (flag == "--kind" && argv[i + 1] == std::string_view("changed-table")) {
      changed_table = true;
    } else {
      fmt::print(stderr, "usage: sim [--seeds N] [--from SEED] | --seed SEED; --kind changed-table\n");
      return 2;
    }
  }
  std::signal(SIGABRT, tell_of_abort);
  std::uint64_t messages = 0, crashes = 0, faults = 0, wrong = 0;
  fmt::print("sim: seeds {} to {}\n", from, from + seeds - 1);
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    running = seed;
    const auto r = tests::simulate(seed, changed_table);
    messages += r.messages;
    crashes += r.crashes;
    faults += r.faults;
    if (!r.wrong) continue;
    ++wrong;
    fmt::print("sim: seed {} went wrong: {}; again with: sim --seed {}\nsim: seed {} had {}\n", seed,
               *r.wrong, seed, seed, r.choices);
  }
  fmt::print("sim: {} runs, {} messages, {} crashes, {} faults, {} wrong\n", seeds, messages, crashes, faults,
             wrong);
  return wrong == 0 ? 0 : 1;
}
