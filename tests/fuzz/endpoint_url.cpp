// Any bytes as an endpoint's URL: what is taken has a host, and no character in its Host header that could
// split it.
#include "fuzz/input.hpp"
#include "http/endpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto to = sluice::http::parse_endpoint(tests::input_of(data, size));
  if (!to) return 0;
  tests::must(!to->host.empty(), "an endpoint without a host");
  for (const std::string* text : {&to->host_header, &to->target}) {
    tests::must(text->find_first_of("\r\n ") == std::string::npos, "a header that can be split");
  }
  return 0;
}
