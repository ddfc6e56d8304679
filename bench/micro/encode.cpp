#include "copy/arena.hpp"
#include "copy/row_writer.hpp"
#include "micro/allocations.hpp"

namespace {

using namespace sluice;

// The tuple of a login event, seven fields, into an arena that is emptied when it is full.
void encode_login_row(benchmark::State& state) {
  copy::arena arena(1 << 20);
  copy::row_writer row(arena);
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    row.begin_row(7);
    row.text("424cdd21-063a-43a7-b91b-7ca1a833afae");
    row.text("android");
    row.text("k1.4J0s0m8lO1XW2qkXyR2nT5m1JtW7f5Nq0aQ0n2y1m4s");
    row.text("k1.hV3cQz1e7bLr5kqg0YJ8s9d2Ff6mU4xPp1oWnTtZ3uA");
    row.text("RU");
    row.int4(2'003'000);
    row.date(20'781);
    if (!row.end_row()) arena.clear();
    benchmark::ClobberMemory();
  }
}
BENCHMARK(encode_login_row);

}  // namespace
