#include "app/task_protection.hpp"

#include <catch2/catch_test_macros.hpp>

#include "support/http_script.hpp"

using namespace sluice;
using namespace std::chrono_literals;
using app::task_protection;
using tests::http_reply;

namespace {

const std::string given =
    R"({"protection":{"ExpirationDate":"2026-01-02T03:04:05Z","ProtectionEnabled":true,"TaskArn":"arn"}})";
const std::string refusal = R"({"failure":{"Arn":"arn","Detail":null,"Reason":"TASK_NOT_VALID"}})";

/// A task under an agent that plays a script, and a clock that the test moves.
struct protected_task {
  explicit protected_task(std::vector<std::string> replies) : agent(loop, script_of(std::move(replies))) {
    const auto env = [this](std::string_view name) {
      return name == "ECS_AGENT_URI" ? std::optional(agent.url() + "/api/42") : std::nullopt;
    };
    protection.emplace(task_protection::find_agent(env).value(),
                       aws::network{.executor = loop.get_executor()}, counters, log);
  }
  static std::vector<tests::http_script::connection_script> script_of(std::vector<std::string> replies) {
    std::vector<tests::http_script::connection_script> all;
    for (std::string& each : replies) all.push_back({{std::move(each), true}});
    return all;
  }

  void look_after(std::chrono::seconds passed) {
    now += passed;
    tests::run_on(loop, look_once());
  }
  boost::asio::awaitable<bool> look_once() {
    co_await protection->look(now);
    co_return true;
  }
  std::size_t asked() const { return agent.requests.size(); }

  boost::asio::io_context loop;
  observe::counters counters;
  observe::logger log{observe::log_format::text, observe::level::error};
  tests::http_script agent;
  std::optional<task_protection> protection;
  std::chrono::steady_clock::time_point now{1h};
};

}  // namespace

TEST_CASE("a task that holds messages is protected, and is not once it has held none for a while") {
  protected_task t({http_reply(200, given), http_reply(200, given)});
  t.look_after(1s);
  CHECK(t.asked() == 0);
  t.counters.held.set(7);
  t.look_after(1s);
  REQUIRE(t.asked() == 1);
  CHECK(t.agent.requests[0].starts_with("PUT /api/42/task-protection/v1/state HTTP/1.1\r\n"));
  CHECK(t.agent.requests[0].ends_with(R"({"ProtectionEnabled":true,"ExpiresInMinutes":5})"));

  t.counters.held.set(0);
  t.look_after(29s);
  CHECK(t.asked() == 1);
  t.look_after(1s);
  REQUIRE(t.asked() == 2);
  CHECK(t.agent.requests[1].ends_with(R"({"ProtectionEnabled":false})"));
  t.look_after(1h);
  CHECK(t.asked() == 2);
}

TEST_CASE("messages that were held between two looks count") {
  protected_task t({http_reply(200, given)});
  t.counters.received.add(10);
  t.look_after(1s);
  CHECK(t.asked() == 1);
  t.look_after(1s);
  CHECK(t.asked() == 1);
}

TEST_CASE("a task that is always busy is left free for a minute in six") {
  protected_task t({http_reply(200, given), http_reply(200, given)});
  t.counters.held.set(7);
  t.look_after(1s);
  for (int minute = 1; minute < 6; ++minute) {
    t.look_after(1min);
    CHECK(t.asked() == 1);
  }
  t.look_after(1min);
  CHECK(t.asked() == 2);
}

TEST_CASE("an agent that refuses is told of once, and not asked again") {
  for (const std::string& reply : {http_reply(200, refusal), http_reply(400, "{}"), std::string("garbage")}) {
    protected_task t({reply, http_reply(200, given)});
    t.counters.held.set(7);
    tests::run_on(t.loop, [](protected_task& of) -> boost::asio::awaitable<bool> {
      co_await of.protection->run(1ms);
      co_return true;
    }(t));
    CHECK(t.asked() == 1);
    CHECK(t.log.logged(observe::level::warning) == 1);
  }
}

TEST_CASE("outside ECS there is nobody to ask") {
  const auto none = task_protection::find_agent([](std::string_view) { return std::nullopt; });
  REQUIRE(!none);
  CHECK(none.error().code == errc::bad_configuration);
}
