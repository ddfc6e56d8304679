// Any bytes as a pipeline file: it compiles, or is refused with a place.
#include <toml++/toml.h>

#include <string>

#include "fuzz/input.hpp"
#include "record/plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  toml::table root;
  try {
    root = toml::parse(tests::input_of(data, size), std::string_view("fuzz.toml"));
  } catch (const toml::parse_error&) {
    return 0;
  }
  const auto plan = record::compile(root, "fuzz.toml");
  if (plan) {
    tests::must(!plan->columns.empty(), "a plan of no columns");
  } else {
    const std::string what = plan.error().what;
    tests::must(what.starts_with("fuzz.toml"), "a refusal that names no file");
  }
  return 0;
}
