#include "app/context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>

#include "aws/digest.hpp"
#include "aws/endpoints.hpp"
#include "aws/provider.hpp"
#include "aws/settings.hpp"
#include "core/encoding.hpp"
#include "pg/catalogue.hpp"
#include "sqs/redrive.hpp"

namespace sluice::app {

result<std::shared_ptr<sqs::session>> make_session(const config& c, boost::asio::any_io_executor executor) {
  auto aws = aws::load_settings(c.env);
  if (!aws) return aws.error();
  if (aws->region.empty()) {
    return failure{errc::bad_configuration, "no AWS region",
                   "set AWS_REGION, or `region` in the profile, or give --region"};
  }
  auto credentials = aws::make_provider(c.env, {.executor = std::move(executor)});
  if (!credentials) return credentials.error();

  auto session = std::make_shared<sqs::session>();
  auto where = http::parse_endpoint(
      aws->endpoint_url.value_or(aws::regional_endpoint("sqs", aws->region, aws->fips, aws->dual_stack)));
  if (!where) return where.error();
  session->endpoint = *std::move(where);
  if (session->endpoint.tls) {
    auto tls = http::make_tls_context(aws->ca_bundle);
    if (!tls) return tls.error();
    session->tls = *std::move(tls);
  }
  session->region = aws->region;
  session->credentials = *std::move(credentials);
  return session;
}

std::size_t queue_info::message_bytes_max() const {
  std::size_t bytes = sqs::batch_bytes_max;
  if (const auto found = attributes.find("MaximumMessageSize"); found != attributes.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), bytes);
  }
  return bytes;
}

boost::asio::awaitable<result<queue_info>> find_queue(sqs::client& client, const config& c) {
  queue_info info;
  if (!c.queue_url.empty()) {
    info.url = c.queue_url;
  } else if (c.queue_name.empty()) {
    co_return failure{errc::bad_configuration, "no queue", "set SLUICE_QUEUE to its name, or give --queue"};
  } else {
    auto url = co_await client.queue_url(c.queue_name);
    if (!url) co_return url.error();
    info.url = *std::move(url);
  }
  auto attributes = co_await client.attributes(info.url);
  if (!attributes) co_return attributes.error();
  info.attributes = *std::move(attributes);
  const std::string& own = info.attributes["VisibilityTimeout"];
  int seconds = 30;
  std::from_chars(own.data(), own.data() + own.size(), seconds);
  info.visibility = c.visibility.value_or(std::chrono::seconds(seconds));
  if (info.visibility < std::chrono::seconds(5)) {
    co_return failure{
        errc::bad_configuration,
        fmt::format("messages of {} are hidden for only {} s when they are received", info.url, seconds),
        "raise the queue's VisibilityTimeout to 30 s, or set SLUICE_VISIBILITY=30s"};
  }
  co_return info;
}

std::string session_name(const queue_info& queue) {
  constexpr std::size_t name_max = 46;  // PostgreSQL cuts what is longer than 63 bytes with its digest
  const std::string name = queue.url.substr(queue.url.rfind('/') + 1);
  const auto digest = aws::sha256(queue.url);
  return fmt::format("sluice {} {}", name.substr(0, name_max), hex(std::span(digest).first(4)));
}

boost::asio::awaitable<result<>> check_one_database(pg::connection& database, const queue_info& queue) {
  const auto other = co_await pg::find_other_database(database);
  if (!other) co_return other.error();
  if (other->empty()) co_return result<>();
  co_return failure{
      errc::bad_configuration,
      fmt::format("{} is loaded into database {} already: each message would be a row in one of "
                  "the two",
                  queue.url, *other),
      "stop that sluice first; what it had behind a pooler may show for minutes more"};
}

// Without a dead-letter queue a message that is left would come for ever; and left in a FIFO queue, it holds
// up its group until SQS moves it, while those behind it count their receives too.
boost::asio::awaitable<result<std::string>> prepare_bad_messages(sqs::client& client, const config& c,
                                                                 const queue_info& queue) {
  if (c.bad == pg::bad_messages::quarantine) co_return std::string();
  if (c.bad == pg::bad_messages::leave && queue.is_fifo()) {
    co_return failure{errc::bad_configuration,
                      fmt::format("bad messages cannot be left in {}: the queue is FIFO", queue.url),
                      "set load.bad_messages to quarantine or dlq"};
  }
  const auto policy = sqs::read_redrive_policy(queue.attributes);
  if (!policy) {
    co_return failure{errc::bad_configuration, fmt::format("queue {} has no dead-letter queue", queue.url),
                      "set a RedrivePolicy on it, or load.bad_messages = quarantine"};
  }
  auto url = co_await client.queue_url(policy->target_name());
  if (!url) co_return std::move(url.error()).in("look for the dead-letter queue");
  co_return *std::move(url);
}

boost::asio::awaitable<result<pg::load_plan>> plan_load(pg::connection& database, const config& c) {
  auto problems = co_await pg::check_schema(database, c.plan);
  if (!problems) co_return problems.error();
  if (!problems->empty()) co_return problems->front();
  auto target = co_await pg::read_target(database, c.plan);
  if (!target) co_return target.error();
  co_return pg::load_plan::make(c.plan, c.mode, c.bad, *target);
}

int run_to_end(const std::function<boost::asio::awaitable<result<int>>(boost::asio::any_io_executor)>& task) {
  boost::asio::io_context loop(1);
  std::optional<result<int>> ended;
  std::exception_ptr broken;
  boost::asio::co_spawn(loop, task(loop.get_executor()), [&](std::exception_ptr e, result<int> r) {
    broken = e;
    ended = std::move(r);
    loop.stop();  // new credentials that are on their way are not needed
  });
  loop.run();
  if (broken) std::rethrow_exception(broken);
  if (!*ended) {
    print_failure(ended->error());
    return exit_code::refused;
  }
  return **ended;
}

std::string shown(const std::string& value) {
  return isatty(STDOUT_FILENO) != 0 ? without_controls(value) : value;
}

void say(const std::string& text) noexcept {
  std::fputs(text.c_str(), stderr);
}

std::string failure_line(const failure& f) {
  return fmt::format("sluice: {}\n", without_controls(f.line()));
}

void print_failure(const failure& f) {
  say(failure_line(f));
}

}  // namespace sluice::app
