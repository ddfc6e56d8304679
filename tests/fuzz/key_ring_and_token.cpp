// Any bytes as a key ring, and as a token to be unmasked by a good one.
#include <string>

#include "fuzz/input.hpp"
#include "mask/key_ring.hpp"
#include "mask/masker.hpp"
#include "mask/sealer.hpp"
#include "mask/unmask.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  const std::string_view input = tests::input_of(data, size);
  static_cast<void>(mask::key_ring::parse(input, "fuzz"));

  static const auto keys = mask::key_ring::parse(mask::key_ring::generate("k1"), "fuzz").value();
  mask::rule rule;
  rule.domain = "ip";
  static_cast<void>(mask::unseal(
      input, {.message_id = "00000000-0000-4000-8000-000000000000", .target = "t", .reason = "r"}, *keys));
  if (const auto value = mask::unmask(input, rule, *keys)) {
    static mask::masker masker = mask::masker::make(rule, keys).value();
    tests::must(masker.mask(value->value) == input, "a token that was not made by masking its value");
  }
  return 0;
}
