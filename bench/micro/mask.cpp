#include <string>

#include "mask/masker.hpp"
#include "mask/sealer.hpp"
#include "micro/allocations.hpp"

namespace {

using namespace sluice;

const auto& keys() {
  static const auto ring = mask::key_ring::parse(mask::key_ring::generate("k1"), "bench").value();
  return ring;
}

// One value of `range(0)` bytes, token and all; an IPv4 address has 15 at most.
void mask_value(benchmark::State& state, mask::scheme how) {
  auto masker = mask::masker::make({.how = how, .domain = "ip"}, keys()).value();
  const std::string long_value = "199.172.111.135" + std::string(200, '7');
  std::string value = long_value.substr(0, static_cast<std::size_t>(state.range(0)));
  std::string token(masker.size_max(value.size()), '\0');
  masker.mask_to(value, token.data());
  const bench::allocation_counter counted(state);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(value.data());
    benchmark::DoNotOptimize(masker.mask_to(value, token.data()));
  }
}
BENCHMARK_CAPTURE(mask_value, aes_siv, mask::scheme::aes_siv)->Arg(15)->Arg(40)->Arg(200);
BENCHMARK_CAPTURE(mask_value, hmac_sha256, mask::scheme::hmac_sha256)->Arg(15)->Arg(40)->Arg(200);
BENCHMARK_CAPTURE(mask_value, ipcrypt_deterministic, mask::scheme::ipcrypt_deterministic)->Arg(15);
BENCHMARK_CAPTURE(mask_value, ipcrypt_pfx, mask::scheme::ipcrypt_pfx)->Arg(15);
BENCHMARK_CAPTURE(mask_value, base64, mask::scheme::base64)->Arg(15);
BENCHMARK_CAPTURE(mask_value, redact, mask::scheme::redact)->Arg(15);
BENCHMARK_CAPTURE(mask_value, partial, mask::scheme::partial)->Arg(15);

// A body that is set aside; only these pay it.
void seal_body(benchmark::State& state) {
  auto sealer = mask::sealer::make(keys()).value();
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(sealer.seal(
        body, {.message_id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", .target = "t", .reason = "r"}, "/ip\n"));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(seal_body)->Arg(170)->Arg(1 << 20);

}  // namespace
