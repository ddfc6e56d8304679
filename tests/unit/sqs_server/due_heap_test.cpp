#include "support/sqs_server/due_heap.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <vector>

#include "support/seed.hpp"

namespace sluice::sqs_server {
namespace {

TEST_CASE("the heap gives the earliest, whatever was taken out of its middle") {
  CAPTURE(tests::seed());
  auto random = tests::seeded_random();
  std::deque<message> messages(300);
  due_heap heap;
  std::vector<std::pair<message*, instant>> inside;
  for (int step = 0; step < 20'000; ++step) {
    CAPTURE(step);
    message& m = messages[random() % messages.size()];
    const auto found = std::ranges::find(inside, &m, &std::pair<message*, instant>::first);
    if (found == inside.end()) {
      const instant due{milliseconds(random() % 1'000)};
      heap.push(m, due);
      inside.emplace_back(&m, due);
    } else {
      REQUIRE(heap.due_of(m) == found->second);
      heap.erase(m);
      inside.erase(found);
    }
    REQUIRE(heap.empty() == inside.empty());
    if (inside.empty()) continue;
    REQUIRE(heap.first_due() == std::ranges::min(inside, {}, &std::pair<message*, instant>::second).second);
    REQUIRE(heap.due_of(heap.first()) == heap.first_due());
  }
}

}  // namespace
}  // namespace sluice::sqs_server
