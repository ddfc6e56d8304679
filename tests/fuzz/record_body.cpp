// Any bytes as a message's body, read by the login-events plan: never a crash, and what is refused leaves
// nothing behind.
#include <simdjson.h>

#include <string>

#include "fuzz/input.hpp"
#include "record/reader.hpp"

namespace {

sluice::record::reader make_reader() {
  const auto keys = sluice::mask::key_ring::parse(sluice::mask::key_ring::generate("k1"), "fuzz").value();
  return sluice::record::reader::make(sluice::record::login_events(), keys).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  static record::reader reader = make_reader();
  static copy::arena out(1U << 20U);
  out.clear();
  std::string padded(tests::input_of(data, size));
  padded.append(simdjson::SIMDJSON_PADDING, ' ');
  const auto r = reader.read({padded.data(), size}, {}, out);
  if (r.what == record::outcome::kind::row) {
    tests::must(out.size() > 0, "a row of no bytes");
    simdjson::dom::parser other;
    tests::must(other.parse(std::string(tests::input_of(data, size))).error() == simdjson::SUCCESS,
                "a row of what is not JSON");
  } else {
    tests::must(out.size() == 0, "a refused body left bytes behind");
    tests::must(r.what == record::outcome::kind::full || !r.why.reason.empty(), "refused without a reason");
  }
  return 0;
}
