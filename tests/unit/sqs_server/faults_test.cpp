#include "support/sqs_server/faults.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/sqs_server/outcome_printer.hpp"

namespace sluice::sqs_server {
namespace {

TEST_CASE("no faults are planned unless asked for") {
  fault_injector f;
  for (int i = 0; i < 1'000; ++i) {
    const auto plan = f.for_call("ReceiveMessage");
    CHECK_FALSE((plan.refuse || plan.hide || plan.cut_after || plan.latency != milliseconds(0)));
    CHECK_FALSE((f.fails_entry() || f.duplicates() || f.loses_delete() || f.makes_stale()));
  }
}

TEST_CASE("a seed gives the same faults again, another seed others") {
  const auto run = [](std::uint64_t seed) {
    fault_options o;
    o.seed = seed;
    o.error_rate = o.throttle_rate = o.cut_rate = 0.3;
    fault_injector f(o);
    std::string out;
    for (int i = 0; i < 200; ++i) {
      const auto plan = f.for_call("ReceiveMessage");
      out += plan.refuse ? 'r' : plan.hide ? 'h' : plan.cut_after ? 'c' : '.';
    }
    return out;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
  for (const char kind : {'r', 'h', 'c', '.'}) CHECK(run(1).find(kind) != std::string::npos);
}

TEST_CASE("faults can be kept to some operations") {
  fault_options o;
  o.throttle_rate = 1;
  o.operations = {"DeleteMessageBatch"};
  fault_injector f(o);
  CHECK_FALSE(f.for_call("ReceiveMessage").refuse);
  CHECK(f.for_call("DeleteMessageBatch").refuse->type == "RequestThrottled");
}

TEST_CASE("faults are read from JSON and written as they were read") {
  const auto o = parse_faults(R"({"seed":9,"latency_ms":20,"cut_rate":0.5,"cut_after_bytes":100,
                                  "clock_offset_s":-600,"operations":["ReceiveMessage"]})");
  REQUIRE(o);
  CHECK(o->latency == milliseconds(20));
  CHECK(o->clock_offset == seconds(-600));
  CHECK(to_json(*parse_faults(to_json(*o))) == to_json(*o));
  CHECK_FALSE(parse_faults("[]"));
  CHECK_FALSE(parse_faults(R"({"error_rate":1.5})"));
  CHECK_FALSE(parse_faults(R"({"eror_rate":0.5})"));
  CHECK_FALSE(parse_faults(R"({"latency_ms":-1})"));
}

}  // namespace
}  // namespace sluice::sqs_server
