#include "app/task_protection.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace sluice::app {

namespace {

constexpr const char* variable = "ECS_AGENT_URI";
constexpr std::chrono::milliseconds answer_time{3'000};

}  // namespace

result<aws::peer> task_protection::find_agent(const aws::environment& env) {
  const auto url = env(variable);
  if (!url) {
    return failure{errc::bad_configuration,
                   fmt::format("there is no {}: this is not a task of ECS", variable),
                   "set SLUICE_PROTECT_TASK=off"};
  }
  return aws::make_peer(*url, variable, {});
}

task_protection::task_protection(aws::peer agent, aws::network n, const observe::counters& counters,
                                 observe::logger& log)
    : agent_(std::move(agent)),
      network_(std::move(n)),
      counters_(counters),
      log_(log),
      closing_(network_.executor) {
  const std::string& path = agent_.endpoint.target;
  target_ = (path == "/" ? std::string() : path) + "/task-protection/v1/state";
}

boost::asio::awaitable<void> task_protection::run(std::chrono::milliseconds every) {
  while (!closed_) {
    co_await look(std::chrono::steady_clock::now());
    if (!closed_) co_await closing_.wait(every);
  }
}

boost::asio::awaitable<void> task_protection::look(time_point now) {
  const auto received = counters_.received.get();
  if (counters_.held.get() > 0 || std::exchange(received_, received) != received) {
    busy_at_ = now;
    if (protected_at_ && now < *protected_at_ + protected_for + then_free) co_return;
    protected_at_ = now;
    is_protected_ = co_await put(true);
  } else if (is_protected_ && now >= busy_at_ + idle_after) {
    is_protected_ = false;
    protected_at_.reset();
    co_await put(false);
  }
}

boost::asio::awaitable<bool> task_protection::put(bool enabled) {
  const std::string body =
      enabled ? fmt::format(R"({{"ProtectionEnabled":true,"ExpiresInMinutes":{}}})", protected_for.count())
              : R"({"ProtectionEnabled":false})";
  const std::array<http::header, 1> headers = {{{"Content-Type", "application/json"}}};
  const http::request r{.method = "PUT", .target = target_, .headers = headers, .body = body};
  auto answer = co_await aws::exchange(network_, agent_, r, answer_time);
  // A refusal may come with status 200: then it is a "failure" where "protection" should be.
  if (answer && answer->status == 200 && answer->body.find("\"protection\"") != std::string::npos)
    co_return true;
  closed_ = true;
  log_.warning("task_protection_failed",
               {{"why", answer ? fmt::format("the agent answered with status {}", answer->status)
                               : answer.error().what},
                {"fix",
                 "allow the task role ecs:UpdateTaskProtection, and use it in a service only; or set "
                 "SLUICE_PROTECT_TASK=off"}});
  co_return false;
}

void task_protection::close() noexcept {
  closed_ = true;
  closing_.notify();
}

}  // namespace sluice::app
