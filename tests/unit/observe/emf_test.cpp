#include "observe/emf.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>

using namespace sluice::observe;
using namespace std::chrono_literals;

TEST_CASE("a document names its metrics and holds what was gained since the one before") {
  counters c;
  emf_reporter reporter("sluice", "logins");
  const std::chrono::system_clock::time_point now(1'767'323'045'678ms);
  c.rows.add(7);
  c.held.set(3);
  c.load_time.add(4ms);
  const std::string first = reporter.document(c, now);
  CHECK(first.starts_with(
      R"({"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"sluice","Dimensions":[["Queue"]],"Metrics":[)"
      R"({"Name":"Rows","Unit":"Count"},)"));
  CHECK(first.find(R"(]}]},"Queue":"logins","Rows":7,"SetAside":0,)") != first.npos);
  CHECK(first.find(R"("Held":3,"LoadP99":)") != first.npos);
  CHECK(first.find('\n') == first.npos);

  c.rows.add(2);
  const std::string second = reporter.document(c, now + 1min);
  CHECK(second.find(R"("Rows":2,)") != second.npos);
  CHECK(second.find(R"("LoadP99":0,)") != second.npos);
}
