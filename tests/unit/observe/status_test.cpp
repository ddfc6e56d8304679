#include "observe/status.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace sluice::observe;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the status has figures, cost, reasons and notices") {
  counters c;
  logger log(log_format::text, level::off);
  const state s{.figures = c,
                .log = log,
                .what = {.version = "1.2.3", .queue = "logins", .table = "t", .receives_max = 64}};
  history h;
  const history::steady_time now{1'000s};
  h.record(now, c);
  c.requests.add(20);
  c.receiving.add(3);
  for (int i = 0; i < 100; ++i) c.send_to_commit.add(15ms);
  c.set_aside_by_reason.add("not_json", 2);
  log.warning("receive_failed", {{"why", "a \"quoted\" reason"}});
  h.record(now + 1s, c);

  const std::string text = status_json(s, h, {}, now + 1s, std::chrono::system_clock::time_point(5s));
  CHECK_THAT(text, ContainsSubstring(R"("queue":"logins")"));
  CHECK_THAT(text, ContainsSubstring(R"("ready":true,"troubles":[])"));
  CHECK_THAT(text, ContainsSubstring(R"("receiving":3)"));
  CHECK_THAT(text, ContainsSubstring(R"("limits":{"receives":64)"));
  CHECK_THAT(text, ContainsSubstring(R"("messages_per_second":[100])"));
  CHECK_THAT(text, ContainsSubstring(R"("backlog":[-1])"));
  // 20 requests for 100 messages: 0.2 of $0.40.
  CHECK_THAT(text, ContainsSubstring(R"("requests_per_message":0.2,"dollars_per_million_messages":0.08)"));
  CHECK_THAT(text, ContainsSubstring(R"("set_aside_by_reason":[{"reason":"not_json","messages":2}])"));
  CHECK_THAT(text, ContainsSubstring(R"("why":"a \"quoted\" reason")"));
  CHECK_THAT(text, ContainsSubstring(R"("now_ms":5000)"));
}

TEST_CASE("a status without messages divides by none") {
  counters c;
  logger log(log_format::text, level::off);
  const std::string text = status_json({.figures = c, .log = log, .what = {}}, history(), {}, {}, {});
  CHECK_THAT(text, ContainsSubstring(R"("requests_per_message":0,)"));
  CHECK_THAT(text, !ContainsSubstring("nan"));
}
