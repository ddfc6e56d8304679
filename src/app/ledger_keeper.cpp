#include "app/ledger_keeper.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

#include "pg/upkeep.hpp"
#include "sqs/redrive.hpp"

namespace sluice::app {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto upkeep_every = 1h;
constexpr std::size_t portions_at_start = 4;  ///< of old keys: less than a second

// SQS, SetQueueAttributes: 60 s to 14 days. A dead letter's age counts from when it was first sent.
constexpr std::chrono::seconds retention_max = std::chrono::days(14);

std::chrono::seconds retention_of(const queue_attributes& queue) {
  const auto found = queue.find("MessageRetentionPeriod");
  if (found == queue.end()) return retention_max;
  const std::string& text = found->second;
  std::int64_t seconds = 0;
  const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_known = e == std::errc() && end == text.data() + text.size() && seconds >= 60;
  return is_known ? std::min(std::chrono::seconds(seconds), retention_max) : retention_max;
}

}  // namespace

std::string dead_letters_of(std::string_view url, const queue_attributes& queue) {
  const auto policy = sqs::read_redrive_policy(queue);
  if (!policy || url.ends_with(".fifo")) return {};
  return std::string(url.substr(0, url.rfind('/') + 1)) + policy->target_name();
}

std::chrono::seconds delivered_for(std::string_view url, const queue_attributes& queue,
                                   const std::optional<queue_attributes>& letters) {
  if (dead_letters_of(url, queue).empty()) return retention_of(queue);
  // A dead-letter queue may have one of its own.
  if (!letters || letters->contains("RedrivePolicy")) return retention_max;
  return std::max(retention_of(queue), retention_of(*letters));
}

ledger_keeper::ledger_keeper(boost::asio::any_io_executor executor, const config& c, observe::logger& log)
    : executor_(executor), config_(c), log_(log), database_(executor, c.database), closing_(executor) {}

boost::asio::awaitable<result<>> ledger_keeper::tell(sqs::client& client, pg::connection& database,
                                                     queue_attributes queue) {
  std::optional<queue_attributes> letters;
  if (const std::string url = dead_letters_of(queue_url_, queue); !url.empty()) {
    auto found = co_await client.attributes(url);
    if (found) letters = *std::move(found);
  }
  co_return co_await pg::remember_retention(database, queue_url_, delivered_for(queue_url_, queue, letters));
}

boost::asio::awaitable<result<>> ledger_keeper::start(sqs::client& client, pg::connection& database,
                                                      const queue_info& queue) {
  queue_url_ = queue.url;
  if (auto told = co_await tell(client, database, queue.attributes); !told) co_return told;
  if (const auto kept = co_await pg::maintain_ledger(database, portions_at_start); !kept) warn(kept.error());
  co_return result<>();
}

boost::asio::awaitable<void> ledger_keeper::run() {
  auto due = clock::now() + upkeep_every;
  while (!closed_) {
    co_await closing_.wait(due - clock::now());
    if (closed_) co_return;
    if (clock::now() < due) continue;
    due += upkeep_every;
    const auto kept = co_await keep();
    if (closed_) co_return;
    if (!kept) warn(kept.error());
    queue_.reset();
    database_.close();
  }
}

// A queue that cannot be asked is told of no more, and soon the ledger takes the most that SQS allows.
boost::asio::awaitable<result<>> ledger_keeper::keep() {
  if (auto connected = co_await database_.connect(); !connected) co_return connected;
  result<> told;
  auto session = make_session(config_, executor_);
  if (session) {
    queue_.emplace(executor_, *std::move(session));
    auto found = co_await queue_->attributes(queue_url_);
    if (closed_) co_return result<>();
    if (found) {
      told = co_await tell(*queue_, database_, *std::move(found));
    } else {
      told = found.error();
    }
  } else {
    told = session.error();
  }
  if (closed_) co_return result<>();
  auto kept = co_await pg::maintain_ledger(database_);
  co_return told ? kept : told;
}

void ledger_keeper::warn(const failure& why) {
  log_.warning("ledger_upkeep_failed", {{"why", why.what}, {"fix", why.fix}});
}

void ledger_keeper::close() noexcept {
  closed_ = true;
  closing_.notify();
  if (queue_) queue_->close();
  database_.close();
}

}  // namespace sluice::app
