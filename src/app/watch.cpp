#include "app/watch.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "app/version.hpp"

namespace sluice::app {

using namespace std::chrono_literals;

namespace {

// GetQueueAttributes is a request that costs: 175,000 a month.
constexpr auto look_every = 15s;

// "logins" of https://sqs.eu-west-1.amazonaws.com/123456789012/logins: the account is nobody's business.
std::string name_of(const std::string& url) {
  return url.substr(url.rfind('/') + 1);
}

// "ip by aes_siv, device_id by aes_siv".
std::string masked(const record::plan& plan) {
  std::string out;
  for (const record::column& c : plan.columns) {
    if (!c.mask) continue;
    out += fmt::format("{}{} by {}", out.empty() ? "" : ", ", c.name, to_string(c.mask->how));
  }
  return out;
}

}  // namespace

watch::watch(boost::asio::any_io_executor executor, const config& c, observe::counters& counters,
             observe::logger& log)
    : executor_(executor), config_(c), counters_(counters), log_(log), closed_signal_(executor) {}

observe::about watch::about(const queue_info& queue) const {
  const auto loops = static_cast<std::int64_t>(config_.threads);
  const auto all = [&](std::size_t each) { return static_cast<std::int64_t>(each) * loops; };
  return {.version = version,
          .queue = name_of(queue.url),
          .table = config_.plan.table,
          .mode = config_.values.text("load.mode"),
          .bad_messages = config_.values.text("load.bad_messages"),
          .masked = masked(config_.plan),
          .receives_max = all(config_.pipeline.pollers_max),
          .segments = all(config_.pipeline.segments),
          .connections_max = all(config_.pipeline.loaders)};
}

result<> watch::open(const queue_info& queue, std::function<std::vector<observe::trouble>()> more_troubles,
                     std::function<std::string()> primary_key, std::function<std::string()> oldest_key) {
  if (!config_.admin) return {};
  server_.emplace(executor_,
                  observe::admin_server::options{.listen = *config_.admin, .hosts = config_.admin_hosts},
                  observe::state{.figures = counters_,
                                 .log = log_,
                                 .what = about(queue),
                                 .more_troubles = std::move(more_troubles),
                                 .primary_key = std::move(primary_key),
                                 .oldest_key = std::move(oldest_key)});
  const auto at = server_->open();
  if (!at) {
    server_.reset();
    if (config_.values.find("admin.listen")->source != "default") return at.error();
    log_.warning("admin_failed", {{"why", at.error().what}, {"fix", at.error().fix}});
    return {};
  }
  log_.info("admin_listening",
            {{"address", fmt::format("http://{}:{}/", at->address().to_string(), at->port())}});

  auto session = make_session(config_, executor_);
  if (!session) return session.error();
  queue_ = std::make_unique<pipeline::sqs_queue>(
      executor_, *session, pipeline::sqs_queue::settings{.queue_url = queue.url}, counters_);
  show_depth(pipeline::read_backlog(queue.attributes));
  return {};
}

boost::asio::awaitable<void> watch::serve() {
  if (server_) co_await server_->run();
}

boost::asio::awaitable<void> watch::look_at_queue() {
  while (queue_ && !closed_) {
    co_await closed_signal_.wait(look_every);
    if (closed_) break;
    const auto depth = co_await queue_->depth();
    if (depth) show_depth(*depth);  // if not, the pollers say what is wrong
  }
}

void watch::show_depth(const pipeline::backlog& depth) noexcept {
  counters_.queue_visible.set(static_cast<std::int64_t>(depth.visible));
  counters_.queue_in_flight.set(static_cast<std::int64_t>(depth.in_flight));
  counters_.queue_delayed.set(static_cast<std::int64_t>(depth.delayed));
}

void watch::close() noexcept {
  closed_ = true;
  closed_signal_.notify();
  if (queue_) queue_->close();
  if (server_) server_->close();
}

}  // namespace sluice::app
