// Any bytes as an AWS config or credentials file.
#include "aws/config_file.hpp"
#include "fuzz/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = sluice::aws::parse_config_file(tests::input_of(data, size), "fuzz");
  if (!file) tests::must(file.error().what.starts_with("fuzz:"), "a refusal that names no line");
  return 0;
}
