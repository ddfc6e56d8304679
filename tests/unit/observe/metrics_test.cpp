#include "observe/metrics.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>
#include <sstream>

#include "observe/figures.hpp"

using namespace sluice::observe;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct fixture {
  counters c;
  logger log{log_format::text, level::off};
  state s{.figures = c, .log = log, .what = {.version = "1.2.3", .queue = "q", .table = "t", .segments = 6}};
};

}  // namespace

TEST_CASE("counters, gauges and labels are in Prometheus' text format") {
  fixture f;
  f.c.rows.add(12);
  f.c.queue_visible.set(7);
  f.c.set_aside_by_reason.add("missing_field user_id", 3);
  f.c.set_aside_by_reason.add("not_json");
  const std::string text = exposition(f.s, true, {});
  CHECK_THAT(text,
             ContainsSubstring("# TYPE sluice_rows_loaded_total counter\nsluice_rows_loaded_total 12\n"));
  CHECK_THAT(text, ContainsSubstring("\nsluice_queue_messages_visible 7\n"));
  CHECK_THAT(text, ContainsSubstring("\nsluice_ready 1\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "sluice_set_aside_reasons_total{reason=\"missing_field\",column=\"user_id\"} 3\n"));
  CHECK_THAT(text, ContainsSubstring("{reason=\"not_json\",column=\"\"} 1\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_info{version=\"1.2.3\",queue=\"q\",table=\"t\"} 1\n"));
}

TEST_CASE("the key that masks and the oldest that is held are labels") {
  fixture f;
  f.s.primary_key = [] { return std::string("k2"); };
  f.s.oldest_key = [] { return std::string("k1"); };
  const std::string text = exposition(f.s, true, {});
  CHECK_THAT(text, ContainsSubstring("sluice_masking_info{masked=\"\",key=\"k2\"} 1\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_oldest_key_held{key=\"k1\"} 1\n"));
}

TEST_CASE("buckets add up, and end at the count") {
  fixture f;
  f.c.load_time.add(1500us);
  f.c.load_time.add(40ms);
  f.c.load_time.add(2h);
  const std::string text = exposition(f.s, true, {});
  CHECK_THAT(text, ContainsSubstring("sluice_load_duration_seconds_bucket{le=\"0.001\"} 0\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_load_duration_seconds_bucket{le=\"0.002\"} 1\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_load_duration_seconds_bucket{le=\"3600\"} 2\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_load_duration_seconds_bucket{le=\"+Inf\"} 3\n"));
  CHECK_THAT(text, ContainsSubstring("sluice_load_duration_seconds_count 3\n"));
}

TEST_CASE("each metric is there once, with a help text, and named by the conventions") {
  fixture f;
  std::istringstream lines(exposition(f.s, true, {}));
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, what, name, type;
    words >> hash >> what >> name >> type;
    if (what == "HELP") CHECK_FALSE(type.empty());
    if (what != "TYPE") continue;
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK(name.ends_with("_total") == (type == "counter"));
    if (type == "histogram") CHECK(name.ends_with("_seconds"));
  }
  CHECK(names.size() >= counter_figures().size() + gauge_figures().size() + histogram_figures().size());
}
